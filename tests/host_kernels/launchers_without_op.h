// Launchers that no op reaches yet: each has a test file of its own here, and a call for the test
// that looks whether every kernel has run.
#pragma once

namespace fovea::test {

/// Runs each of them once.
void run_launchers_without_op();

}  // namespace fovea::test
