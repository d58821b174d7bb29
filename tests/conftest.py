"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# the first call of a kernel compiles it; and on a busy machine making examples is slow, which is no defect of a test
settings.register_profile("kernels", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kernels")
