-- Gives a lease back, if it is still the holder's. The input stays for whoever acquires it next.
-- KEYS call   ARGV turn, holder
local h = redis.call('HMGET', KEYS[1], 'turn', 'lease_holder')
if h[1] == ARGV[1] and h[2] == ARGV[2] then
  redis.call('HDEL', KEYS[1], 'lease_holder', 'lease_until_ms')
end
return 1
