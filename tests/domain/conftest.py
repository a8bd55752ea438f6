"""Property tests here repeat themselves exactly and have no deadline: a busy machine is not a bug."""

from hypothesis import settings

settings.register_profile("domain", derandomize=True, deadline=None)
settings.load_profile("domain")
