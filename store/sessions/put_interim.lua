-- Stores what one URL of a turn answers while the turn has no answer, so that its repeats get the
-- same bytes. What is there already stands; so does the turn's own answer, if it was faster.
-- KEYS call   ARGV turn, slot, answer
-- gives {the answer that stands, turn of that answer}
local call, turn = KEYS[1], tonumber(ARGV[1])
local field = 'g:' .. ARGV[1] .. ':' .. ARGV[2]
local h = redis.call('HMGET', call, field, 'a:' .. ARGV[1], 'turn')
local awaited = tonumber(h[3] or '')

if h[1] or h[2] then
  return {h[1] or h[2], ARGV[1]}
end
if awaited and awaited > turn then
  local newest = string.format('%d', awaited - 1)
  local answer = redis.call('HGET', call, 'a:' .. newest)
  if answer then
    return {answer, newest}
  end
end
if awaited then -- "one moment" alone does not make a call that Redis has lost
  redis.call('HSET', call, field, ARGV[3])
end
return {ARGV[3], ARGV[1]}
