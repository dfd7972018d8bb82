#!/bin/bash
# A Redis server with data, which listens, and a client that waits for an answer.
source "${BASH_SOURCE%/*}/common.sh"
port=$2

# Debian's package of the server starts a service; that of the tools has the same executable under another name.
ln -s "$(command -v redis-server || command -v redis-check-rdb)" redis-server
# No threads or children that come and go.
options=(--jemalloc-bg-thread no --save '' --appendonly yes --auto-aof-rewrite-percentage 0)
./redis-server --port "$port" --bind 127.0.0.1 --unixsocket server.socket --dir "$directory" "${options[@]}" > log &
server=$!
client() { redis-cli -s server.socket "$@" 2>&1; }
until [[ $(client ping) = PONG ]]; do read -rt 0.01 -u "$never"; done

client eval 'for i = 1, 5000 do redis.call("set", "key" .. i, "value " .. i) end' 0 > /dev/null
client rpush list one two three > /dev/null
client zadd set 1 one 2 two > /dev/null
client set passing soon px 86400000 > /dev/null
client config set hz 50 > /dev/null
client blpop queue 0 > popped &
popper=$!
until [[ $(client info clients) = *blocked_clients:1* ]]; do read -rt 0.01 -u "$never"; done
ready_and_wait

check [ "$(client ping)" = PONG ]
check [ "$(client dbsize)" = 5003 ]
check [ "$(client get key4711)" = "value 4711" ]
check [ "$(client lrange list 0 -1 | xargs)" = "one two three" ]
check [ "$(client zscore set two)" = 2 ]
check [ "$(client pttl passing)" -gt 80000000 ]
check [ "$(client config get hz | xargs)" = "hz 50" ]
check [ "$(redis-cli -h 127.0.0.1 -p "$port" get key1)" = "value 1" ]
client rpush queue pushed > /dev/null
wait "$popper"
check [ "$? $(xargs < popped)" = "0 queue pushed" ]
client set last written > /dev/null
client shutdown nosave
wait "$server"
check [ $? = 0 ]
check grep -q written appendonlydir/*.incr.aof
finish
