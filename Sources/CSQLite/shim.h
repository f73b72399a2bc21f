// sqlite, for the one thing that librpm doesn't do with its database: make it readable where nothing can be written.
#pragma once
#include <sqlite3.h>
