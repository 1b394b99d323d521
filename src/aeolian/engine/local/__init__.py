"""The local engine as a platform: its store, behind the verbs that every engine answers to."""
