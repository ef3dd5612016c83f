#pragma once
#include <cstdint>

#include "base/result.h"

namespace assay::node {

// A loopback TCP port that nothing listens on now and that this process has not been given before.
// It lies outside the range from which the kernel takes ports for outgoing connections, so that
// none of those can take it between this call and the listener's. kIo where none is free.
Result<uint16_t> free_port();

}  // namespace assay::node
