-- Takes room for one text of a sender, if there is, in one step.
--
-- A bucket is kept as the instant at which it would be full again ("full", microseconds): each segment
-- moves it on, and it may lie ahead of now by as much as one burst. Reminders leave the last part of
-- the burst and of the day to what goes before them. "pace" is the same for reminders by free lines;
-- what goes before them is never held up by it, and only counts.
-- KEYS sender   ARGV now in us, segments, first, us a segment, burst in segments, day, segments a day,
--                    us a text, burst in texts, life in ms
-- gives {taken, wait in us, day is full}
local now, segments, first = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local per_segment, burst = tonumber(ARGV[4]), tonumber(ARGV[5])
local per_day, per_text, texts = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local kept = redis.call('HMGET', KEYS[1], 'full', 'pace', 'day', 'used')
local full, pace = tonumber(kept[1] or '0'), tonumber(kept[2] or '0')
local used = 0
if kept[3] == ARGV[6] then
  used = tonumber(kept[4] or '0')
end

local share = 1
if not first then
  share = 0.8
end

if per_day > 0 and used + segments > per_day * share then
  return {0, '0', 1}
end

local wait = 0
if per_segment > 0 then
  -- A text longer than the burst goes when the bucket is full.
  local room = math.max(burst * share, segments) * per_segment
  full = math.max(full, now) + segments * per_segment
  wait = math.max(wait, full - room - now)
end
if per_text > 0 then
  pace = math.max(pace, now) + per_text
  if first then
    pace = math.min(pace, now + 10 * 1000000)
  else
    wait = math.max(wait, pace - math.max(texts, 1) * per_text - now)
  end
end
if wait > 0 then
  return {0, string.format('%.0f', wait), 0}
end
redis.call('HSET', KEYS[1], 'full', string.format('%.0f', full), 'pace', string.format('%.0f', pace),
  'day', ARGV[6], 'used', string.format('%d', used + segments))
redis.call('PEXPIRE', KEYS[1], ARGV[10])
return {1, '0', 0}
