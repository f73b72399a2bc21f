#!/usr/bin/python3
"""What dnf 4 would install: answers many requests in one process.

usage: dnf-oracle.py QUESTIONS ANSWERS

QUESTIONS holds one JSON document a line: {"name", "configuration", "root", "cache", "variables", "requests": [[SPEC, ...], ...]}.
ANSWERS gets one line for each: {"name", "answers": [{"packages": ["NEVRA REPO", ...]} or {"error": TEXT}, ...]}.
The configuration is a yum.conf that provision reads too.
"""
import ctypes
import json
import logging
import os
import sys

# Debian's librpm looks for the database below the home directory: of the installroot, where the caller puts a link.
os.environ["HOME"] = "/"

import dnf
import dnf.exceptions

libdnf = ctypes.CDLL("libdnf.so.2")
libsolv = ctypes.CDLL("libsolv.so.1")
libdnf.dnf_sack_get_pool.restype = ctypes.c_void_p
libdnf.dnf_sack_get_pool.argtypes = [ctypes.c_void_p]
libsolv.pool_set_flag.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS = 10


def use_colors(sack):
    """Sets what Fedora's and EL's builds of libsolv turn on and Debian's doesn't: packages of one name may stand side by
    side where their architectures are of different colours."""
    # A Python object's own fields come after its reference count and its type: the first is the C object here.
    address = ctypes.c_void_p.from_address(id(sack) + 2 * ctypes.sizeof(ctypes.c_void_p)).value
    libsolv.pool_set_flag(libdnf.dnf_sack_get_pool(address), POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)


def open_base(question):
    base = dnf.Base()
    conf = base.conf
    conf.config_file_path = question["configuration"]
    conf.read(conf.config_file_path)
    conf.installroot = question["root"]
    conf.cachedir = question["cache"]
    conf.persistdir = os.path.join(question["cache"], "persist")
    conf.logdir = question["cache"]
    os.makedirs(question["cache"], exist_ok=True)
    conf.reposdir = []
    conf.varsdir = []
    conf.plugins = False
    conf.substitutions["releasever"] = "1"
    conf.substitutions["arch"] = "x86_64"
    conf.substitutions["basearch"] = "x86_64"
    conf.substitutions.update(question.get("variables", {}))
    base.read_all_repos()
    base.fill_sack()
    use_colors(base.sack)
    base.read_comps(arch_filter=True)
    return base


def label(package):
    epoch = "" if int(package.epoch) == 0 else "%d:" % package.epoch
    return "%s-%s%s-%s.%s %s" % (package.name, epoch, package.version, package.release, package.arch, package.reponame)


def answer(base, specs):
    """As `dnf install` marks its arguments, one resolution for all."""
    try:
        for spec in specs:
            if spec.startswith("@"):
                base.install_specs([spec])
            else:
                base.install(spec)
        base.resolve()
        return {"packages": sorted(label(package) for package in base.transaction.install_set)}
    except (dnf.exceptions.Error, RuntimeError) as error:
        return {"error": str(error) or type(error).__name__}


def answers(question):
    base = None
    for specs in question["requests"]:
        if base is None:
            base = open_base(question)
        yield answer(base, specs)
        if question["modular"]:
            # It may have enabled a module's stream, also by a package's plain name, and that stays.
            base.close()
            base = None
        else:
            base.reset(goal=True)
            base._transaction = None
            base._comps_trans = dnf.comps.TransactionBunch()
    if base:
        base.close()


def main():
    logging.getLogger("dnf").addHandler(logging.NullHandler())
    logging.getLogger("dnf").propagate = False
    with open(sys.argv[1]) as questions, open(sys.argv[2], "w") as result:
        for line in questions:
            question = json.loads(line)
            json.dump({"name": question["name"], "answers": list(answers(question))}, result)
            result.write("\n")
            result.flush()


main()
