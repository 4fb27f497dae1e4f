// What address sanitizer is told in the fuzz targets of whole sessions.
// The code under test is large: traces of allocations as long as by default cost more than it does.
// Called by the sanitizer when it starts; no header declares it.
extern "C" const char* __asan_default_options() {
  return "malloc_context_size=4:quarantine_size_mb=16";
}
