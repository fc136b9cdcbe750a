-- Ends a turn: session, answer and the next turn's number together. While the turn is awaited the
-- first to finish wins, whoever holds the lease: all work on the same session and the same input,
-- and work that is done is not thrown away because it was slow. If Redis has lost the call
-- meanwhile, this brings it back.
-- KEYS call   ARGV turn, slot, session, answer, lang, step, life in ms
-- gives {kept or lost, the answer that stands for this URL, turn of that answer}
local call, turn = KEYS[1], tonumber(ARGV[1])
local awaited = tonumber(redis.call('HGET', call, 'turn') or '')
local outcome = 'lost'

if awaited == nil or awaited == turn then
  awaited, outcome = turn + 1, 'kept'
  redis.call('HSET', call, 'turn', string.format('%d', awaited), 'session', ARGV[3], 'a:' .. ARGV[1], ARGV[4],
    'lang', ARGV[5], 'step', ARGV[6])
  local old = string.format('%d', turn - 3)
  redis.call('HDEL', call, 'input', 'lease_holder', 'lease_until_ms', 'a:' .. old,
    'g:' .. old .. ':0', 'g:' .. old .. ':1', 'g:' .. old .. ':2', 'g:' .. old .. ':3', 'g:' .. old .. ':4')
  redis.call('PEXPIRE', call, ARGV[7])
end

local own = redis.call('HMGET', call, 'g:' .. ARGV[1] .. ':' .. ARGV[2], 'a:' .. ARGV[1])
local stands = own[1] or own[2]
if stands then
  return {outcome, stands, ARGV[1]}
end
local newest = string.format('%d', awaited - 1)
return {outcome, redis.call('HGET', call, 'a:' .. newest) or '', newest}
