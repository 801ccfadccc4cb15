"""What the Redis server does in one step: Lua scripts, sent by their digest."""

from __future__ import annotations

import hashlib

import attrs

__all__ = ["FINISH", "FREE", "LOAD", "MARK", "SWAP", "TAKE", "Script"]


@attrs.frozen
class Script:
    """A script; the server knows one that it has seen by its *digest* (SHA-1)."""

    text: str = attrs.field(repr=False)

    @property
    def digest(self) -> str:
        """What EVALSHA calls it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


# KEYS[1] is the record, a hash; KEYS[2] its lock, a text that is whoever holds it. Both are in one
# slot of a cluster. Versions are texts to the server: Lua's numbers would not hold all of them.

# Its argument (ARGV) is: ttl.
_LOOK = """
if ARGV[1] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return redis.call('HMGET', KEYS[1], 'version', 'record')
"""
LOAD = Script(_LOOK)
"""Return version and record; an untouched record is kept for *ttl* from now."""

# Its arguments (ARGV) are: ttl, owner, lease.
TAKE = Script(
    """
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[2] then
  return false
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
"""
    + _LOOK
)
"""Take the lock if it is free, and return what ``LOAD`` does; nil where it is somebody else's."""

# Its arguments (ARGV) are: expected version, version, record, key, write, ttl. *write* is another
# one for each call: a call that is sent again, since its answer was lost, finds that it was done.
_SWAP = """
local found = redis.call('HMGET', KEYS[1], 'version', 'write')
local stored = found[2] == ARGV[5]
if not stored and (found[1] or '') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'version', ARGV[2], 'record', ARGV[3], 'key', ARGV[4],
             'write', ARGV[5])
  if ARGV[6] == '' then
    redis.call('PERSIST', KEYS[1])
  else
    redis.call('PEXPIRE', KEYS[1], ARGV[6])
  end
  stored = true
end
"""
_TOLD = """
return stored and 1 or 0
"""
SWAP = Script(_SWAP + _TOLD)
"""Store a record if the stored version is the expected one; return whether it is stored."""

# Its arguments are those of SWAP, then owner and lease.
MARK = Script(
    """
if redis.call('GET', KEYS[2]) ~= ARGV[7] then
  return 0
end
"""
    + _SWAP
    + """
if stored then
  redis.call('PEXPIRE', KEYS[2], ARGV[8])
end
"""
    + _TOLD
)
"""Do ``SWAP`` while the lock is the owner's, and begin its lease anew."""

# Its arguments are those of SWAP, then the owner.
FINISH = Script(
    _SWAP
    + """
if stored and redis.call('GET', KEYS[2]) == ARGV[7] then
  redis.call('DEL', KEYS[2])
end
"""
    + _TOLD
)
"""Do ``SWAP``, whoever holds the lock, and free the owner's if it is stored."""

# Its argument (ARGV) is: owner.
FREE = Script(
    """
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
"""
)
"""Free the lock if it is the owner's."""
