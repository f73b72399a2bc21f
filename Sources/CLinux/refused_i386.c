// A file of its own, since the numbers of both architectures have the same names.
#if defined(__x86_64__)
#include <asm/unistd_32.h>
#include "refused_calls.h"

const struct provision_refused_call provision_refused_i386[] = {
    REFUSED_EVERYWHERE(PROVISION_REFUSED_CALL)
    PROVISION_REFUSED_CALL(stime, "set the clock", EPERM)
    PROVISION_REFUSED_CALL(clock_settime64, "set the clock", EPERM)
    PROVISION_REFUSED_CALL(clock_adjtime64, 0, EPERM)
    PROVISION_REFUSED_CALL(iopl, "reach the machine's ports", EPERM)
    PROVISION_REFUSED_CALL(ioperm, "reach the machine's ports", EPERM)
    PROVISION_REFUSED_CALL(vm86, 0, EPERM)
};
const int provision_refused_i386_count = sizeof provision_refused_i386 / sizeof *provision_refused_i386;
const int provision_clone_i386 = __NR_clone, provision_unshare_i386 = __NR_unshare;
#else
#include "refused_calls.h"
const struct provision_refused_call provision_refused_i386[] = {{0, 0, 0}};
const int provision_refused_i386_count = 0, provision_clone_i386 = 0, provision_unshare_i386 = 0;
#endif
