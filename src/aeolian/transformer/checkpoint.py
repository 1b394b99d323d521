"""The state of a training run: see `aeolian.formats.run_state`, which transcribers' training shares."""

from aeolian.formats.run_state import STATE_NAME, State, read_state, remove_state, write_state

__all__ = ["STATE_NAME", "State", "read_state", "remove_state", "write_state"]
