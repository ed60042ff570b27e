# Runs a sample and compares what it prints with the comment in its source that says so:
#
#   // Expected output:
#   //
#   //   text after three spaces; a dot stands for any character, since the last digits of what was
#   //   learned depend on the machine
#
# In Python, with # in place of //.
#
# cmake -D PROGRAM=... -D SOURCE=... -P run_sample.cmake

file(READ ${SOURCE} source)
string(REGEX MATCH "(//|#) Expected output:\n(//|#)\n(((//|#)( [^\n]*)?\n)+)" found "${source}")
if(NOT found)
  message(FATAL_ERROR "${SOURCE} has no comment that begins with \"// Expected output:\"")
endif()
set(expected "${CMAKE_MATCH_3}")
string(REGEX REPLACE "(^|\n)(//|#) ? ? ?" "\\1" expected "${expected}")
string(STRIP "${expected}" expected)

execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} failed (${result}):\n${printed}")
endif()
string(REGEX REPLACE " +\n" "\n" printed "${printed}\n")
string(STRIP "${printed}" printed)

string(LENGTH "${expected}" expected_length)
string(LENGTH "${printed}" printed_length)
string(REGEX REPLACE "([][()+*?^$|\\])" "\\\\\\1" pattern "${expected}")
if(NOT printed MATCHES "^${pattern}$" OR NOT expected_length EQUAL printed_length)
  message(FATAL_ERROR "${PROGRAM} printed\n\n${printed}\n\ninstead of\n\n${expected}\n")
endif()
