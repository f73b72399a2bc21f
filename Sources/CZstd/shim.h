// libzstd, for differences: a zstd process takes longer to start than the difference of a database takes to make.
#pragma once
#include <zstd.h>
