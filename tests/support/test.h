// The test framework of tests/compute: GoogleTest, or the stand-in where there is none.
#pragma once

#if defined(ASSAY_MINIMAL_TEST)
#include "tests/support/minimal_test.h"
#else
#include <gtest/gtest.h>
#endif
