// What the shared library shows to the world: everything else is hidden.
#pragma once

#define FOVEA_API __attribute__((visibility("default")))

// Exported for the library's own plug-ins and tests; no promise to anyone else.
#define FOVEA_INTERNAL FOVEA_API
