// libsolv and libsolvext, with static inlines for the macros that Swift can't see.
#pragma once
#include <solv/bitmap.h>
#include <solv/chksum.h>
#include <solv/dataiterator.h>
#include <solv/evr.h>
#include <solv/knownid.h>
#include <solv/pool.h>
#include <solv/pool_parserpmrichdep.h>
#include <solv/poolarch.h>
#include <solv/problems.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/repo_comps.h>
#include <solv/repo_repomdxml.h>
#include <solv/repo_rpmdb.h>
#include <solv/repo_rpmmd.h>
#include <solv/repo_solv.h>
#include <solv/repo_updateinfoxml.h>
#include <solv/repo_write.h>
#include <solv/selection.h>
#include <solv/solv_xfopen.h>
#include <solv/solvable.h>
#include <solv/solver.h>
#include <solv/solverdebug.h>
#include <solv/solvversion.h>
#include <solv/transaction.h>
#include <stdio_ext.h>

// What follows stands for macros and arrays of unknown size, which Swift does not import.

static inline int csolv_is_relation(Id id) { return ISRELDEP(id); }
static inline Reldep csolv_relation(const Pool *pool, Id id) { return *GETRELDEP(pool, id); }

/// A stream that one thread alone reads, mostly by getc: without a lock for each byte, and with few calls for more.
static inline void csolv_read_by_the_byte(FILE *file) {
    __fsetlocking(file, FSETLOCKING_BYCALLER);
    setvbuf(file, NULL, _IOFBF, 1 << 18);
}

static inline const char *csolv_version(void) { return solv_version; }
