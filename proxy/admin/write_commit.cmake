# Writes the header OUTPUT with the commit of SOURCE, if it is not there already: what includes it
# is compiled again only when the commit has changed.
execute_process(
  COMMAND git -C "${SOURCE}" rev-parse --short=12 HEAD
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR commit STREQUAL "")
  set(commit unknown)
endif()
set(text "#pragma once\n#define IFMATCH_COMMIT \"${commit}\"\n")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" written)
endif()
if(NOT text STREQUAL "${written}")
  file(WRITE "${OUTPUT}" "${text}")
endif()
