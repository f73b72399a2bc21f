// librpm, with static inlines for its variadics, function-like macros, or'ed enum constants and global variables.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <rpm/header.h>
#include <rpm/rpmcli.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmfi.h>
#include <rpm/rpmio.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmpgp.h>
#include <rpm/rpmps.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmts.h>

/// The macro files that rpmReadConfigFiles will read, instead of the host's whole path; `files` must live on.
static inline void provision_rpm_macro_files(const char *files) { macrofiles = files; }

static inline const char *provision_rpm_version(void) { return RPMVERSION; }

static inline void provision_rpm_verbosity(int level) { rpmSetVerbosity(level); }

static inline rpmVSFlags provision_rpm_no_signatures(void) { return RPMVSF_MASK_NOSIGNATURES; }
/// Without the MD5 of header and payload either, which says nothing more where the header holds a SHA-256 of the payload.
static inline rpmVSFlags provision_rpm_strong_digests(void) { return RPMVSF_MASK_NOSIGNATURES | RPMVSF_NOMD5; }
static inline rpmVSFlags provision_rpm_no_checks(void) { return RPMVSF_MASK_NODIGESTS | RPMVSF_MASK_NOSIGNATURES; }

/// Digests (1) and signatures (2) that a package must have and that must be good.
static inline int provision_rpm_digest_level(void) { return RPMSIG_DIGEST_TYPE; }
static inline int provision_rpm_signature_level(void) { return RPMSIG_DIGEST_TYPE | RPMSIG_SIGNATURE_TYPE; }

/// rpmVerifySignatures with the flags and level of `ts`; 0 when all is good.
static inline int provision_rpm_verify(rpmts ts, FD_t file, const char *name) {
    struct rpmQVKArguments_s arguments = {0};
    return rpmVerifySignatures(&arguments, ts, file, name);
}

/// Writes out what Lua scriptlets left in C's buffers: their print() knows nothing of a scriptlet's descriptor.
static inline void provision_rpm_flush_output(void) { fflush(NULL); }

static inline int provision_rpm_silent(rpmlogRec record, rpmlogCallbackData data) { return 0; }

/// Asks in a process of its own whether these packages fit together and to those in the root's database. Its pid is returned, or -1; it
/// writes a line for each problem to `output` and ends with 0 where there is none, 1 where there are, 2 where rpm couldn't tell and why is
/// the only line.
///
/// In C, and with a transaction set and a connection to the database of its own: it is a copy of one thread of several.
static inline pid_t provision_rpm_check(const char *root, const Header *headers, size_t count, int output) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    rpmlogSetCallback(provision_rpm_silent, NULL);
    rpmts ts = rpmtsCreate();
    int status = 2;
    if (ts && rpmtsSetRootDir(ts, root) == 0 && rpmtsOpenDB(ts, O_RDONLY) == 0) {
        status = 0;
        rpmtsSetVSFlags(ts, provision_rpm_no_signatures());
        for (size_t i = 0; i < count && status == 0; i++)
            if (rpmtsAddInstallElement(ts, headers[i], NULL, 1, NULL) != 0) status = 2;
        if (status == 0 && rpmtsCheck(ts) != 0) status = 2;
    }
    if (status == 0) {
        rpmpsi problems = rpmpsInitIterator(rpmtsProblems(ts));
        for (rpmProblem problem; (problem = rpmpsiNext(problems)); status = 1)
            dprintf(output, "%s\n", rpmProblemString(problem));
    } else if (rpmlogMessage()) {
        dprintf(output, "%s", rpmlogMessage());
    }
    // Without closing the database: what this process knows of it is what its parent knows.
    _exit(status);
}

/// The program in `tag` (RPMTAG_POSTINPROG, say) that runs a scriptlet, for the caller to free; NULL where there is none.
static inline char *provision_rpm_interpreter(Header header, rpmTagVal tag) {
    struct rpmtd_s data;
    char *result = NULL;
    if (headerGet(header, tag, &data, HEADERGET_MINMEM)) {
        const char *program = rpmtdNextString(&data);
        if (program) result = strdup(program);
        rpmtdFreeData(&data);
    }
    return result;
}
