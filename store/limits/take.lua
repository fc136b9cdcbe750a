-- Reserves capacity of a sender for as many texts, from the first on, as there is capacity for.
--
-- A token bucket is stored as the instant at which it will be full again ("full", microseconds): each
-- segment moves that instant on, at most one burst ahead of now. Reminders leave the last fifth of the
-- burst and of the day to answers and payment texts (N9: these go first). "pace" is a second bucket, in
-- texts: how many reminders the free lines can bear. Answers and payment texts count in it but never
-- wait for it.
-- KEYS sender   ARGV now in us, first, us a segment, burst in segments, day, segments a day,
--                    us a text, burst in texts, life in ms, then the segments of each text
-- returns {taken, wait of the next in us, day is full}
local now, first = tonumber(ARGV[1]), ARGV[2] == '1'
local per_segment, burst = tonumber(ARGV[3]), tonumber(ARGV[4])
local per_day, per_text, texts = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local kept = redis.call('HMGET', KEYS[1], 'full', 'pace', 'day', 'used')
local full, pace = tonumber(kept[1] or '0'), tonumber(kept[2] or '0')
local used = 0
if kept[3] == ARGV[5] then
  used = tonumber(kept[4] or '0')
end

local share = 1
if not first then
  share = 0.8
end

local taken, wait, day_is_full = 0, 0, 0
for i = 10, #ARGV do
  local segments = tonumber(ARGV[i])
  if per_day > 0 and used + segments > per_day * share then
    day_is_full = 1
    break
  end
  local fuller, later = full, pace
  if per_segment > 0 then
    -- A text longer than the burst goes when the bucket is full.
    local room = math.max(burst * share, segments) * per_segment
    fuller = math.max(full, now) + segments * per_segment
    wait = math.max(wait, fuller - room - now)
  end
  if per_text > 0 then
    later = math.max(pace, now) + per_text
    if first then
      later = math.min(later, now + 10 * 1000000)
    else
      wait = math.max(wait, later - math.max(texts, 1) * per_text - now)
    end
  end
  if wait > 0 then
    break
  end
  full, pace, used, taken = fuller, later, used + segments, taken + 1
end

if taken > 0 then
  redis.call('HSET', KEYS[1], 'full', string.format('%.0f', full), 'pace', string.format('%.0f', pace),
    'day', ARGV[5], 'used', string.format('%d', used))
  redis.call('PEXPIRE', KEYS[1], ARGV[9])
end
return {taken, string.format('%.0f', wait), day_is_full}
