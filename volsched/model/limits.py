"""The limits on what is accepted, at every way in. Whatever they allow, every supported database can store."""

#: The largest volume in GiB: what an INTEGER column holds.
MAX_SIZE_GB = 2**31 - 1
#: Characters of a name, a host, a pool id, a zone or a project: what a VARCHAR(255) column holds.
MAX_NAME = 255
#: Characters of a backend id: the queue of its agent is named `agent:<backend id>`.
MAX_BACKEND_ID = MAX_NAME - len("agent:")
#: Characters of one text in a structure, such as a filter function.
MAX_TEXT = 65_536
#: Characters of a value in a reference to an existing volume, such as a path.
MAX_REFERENCE = 4_096
#: Entries of a volume's metadata.
MAX_METADATA = 128
#: Entries of one mapping or list.
MAX_ENTRIES = 2_000
#: Levels of mappings and lists within one another.
MAX_DEPTH = 12
#: Values in one structure, nested ones included.
MAX_VALUES = 50_000
#: Bits of an integer: its text must stay cheap.
MAX_INTEGER_BITS = 12_000
#: Pools of one backend.
MAX_POOLS = 2_000
#: Zones of one request.
MAX_ZONES = 1_000
#: Volumes named by one affinity hint.
MAX_HINT_VOLUMES = 1_000
#: Volume types of one group.
MAX_GROUP_TYPES = 100
#: Attempts that a retry record may count.
MAX_ATTEMPTS = 1_000_000
#: Characters of the error text in a retry record.
MAX_RETRY_ERROR = 2_000
#: Characters of a value, and of a key, in an error message.
MAX_SHOWN = 60
