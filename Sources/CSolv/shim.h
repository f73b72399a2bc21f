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
#include <malloc.h>
#include <stdint.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// What follows stands for macros and arrays of unknown size, which Swift does not import.

static inline int csolv_is_relation(Id id) { return ISRELDEP(id); }
static inline Reldep csolv_relation(const Pool *pool, Id id) { return *GETRELDEP(pool, id); }

/// Lets malloc take what comes from one stretch of 2 MiB pages where the kernel has them: tens of MiB of metadata then cost a
/// dozen page faults instead of thousands. Nothing of the stretch is used before it is asked for. Main thread only.
static inline void csolv_expect_much_memory(void) {
    // The largest threshold that malloc takes; a block that is as large as it would get pages of its own.
    const int threshold = 32 << 20;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    mallopt(M_MMAP_THRESHOLD, threshold);
    mallopt(M_TRIM_THRESHOLD, 8 * threshold);
    mallopt(M_TOP_PAD, threshold);
    char *stretch = malloc(threshold - page);
    if (!stretch) return;
    const uintptr_t start = ((uintptr_t)stretch + page) & ~(page - 1), end = (uintptr_t)sbrk(0);
    // A kernel that refuses has small pages, as before.
    if (start < end) (void)madvise((void *)start, (end - start) & ~(page - 1), MADV_HUGEPAGE);
    free(stretch);
}

/// A stream that one thread alone reads, mostly by getc: without a lock for each byte, and with few calls for more.
static inline void csolv_read_by_the_byte(FILE *file) {
    __fsetlocking(file, FSETLOCKING_BYCALLER);
    setvbuf(file, NULL, _IOFBF, 1 << 18);
}

static inline const char *csolv_version(void) { return solv_version; }
