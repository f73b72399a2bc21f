#!/usr/bin/python3
"""What dnf 4 would install: answers many requests in one process.

usage: dnf-oracle.py QUESTIONS ANSWERS

QUESTIONS holds one JSON document a line: {"name", "configuration", "root", "cache", "variables", "requests": [[WORD, ...], ...]}.
A WORD is a spec, a package file's path, or --setopt=KEY=VALUE; a request of --modules, --groups or --visible alone asks what
the repositories hold.
ANSWERS gets one line for each: {"name", "answers": [{"packages": ["NEVRA REPO", ...]} or {"error": TEXT}, ...]}.
The configuration is a yum.conf that provision reads too.
"""
import ctypes
import json
import logging
import os
import sys
import types

# Debian's librpm looks for the database below the home directory: of the installroot, where the caller puts a link.
os.environ["HOME"] = "/"

import dnf
import dnf.exceptions
import dnf.module.module_base
import libdnf.module

libdnf_library = ctypes.CDLL("libdnf.so.2")
libsolv = ctypes.CDLL("libsolv.so.1")
libdnf_library.dnf_sack_get_pool.restype = ctypes.c_void_p
libdnf_library.dnf_sack_get_pool.argtypes = [ctypes.c_void_p]
libsolv.pool_set_flag.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS = 10


def use_colors(sack):
    """Sets what Fedora's and EL's builds of libsolv turn on and Debian's doesn't: packages of one name may stand side by
    side where their architectures are of different colours."""
    # A Python object's own fields come after its reference count and its type: the first is the C object here.
    address = ctypes.c_void_p.from_address(id(sack) + 2 * ctypes.sizeof(ctypes.c_void_p)).value
    libsolv.pool_set_flag(libdnf_library.dnf_sack_get_pool(address), POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)


def options(words):
    """What dnf's command line makes of --setopt."""
    main, repositories = {}, {}
    for word in words:
        if not word.startswith("--setopt="):
            continue
        key, value = word[len("--setopt="):].split("=", 1)
        repository, dot, name = key.rpartition(".")
        (repositories.setdefault(repository, {}) if dot else main).setdefault(name, []).append(value)
    return types.SimpleNamespace(main_setopts=main, repo_setopts=repositories)


def open_base(question, words=()):
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
    opts = options(words)
    conf._configure_from_options(opts)
    base.read_all_repos(opts)
    base.fill_sack()
    use_colors(base.sack)
    base.read_comps(arch_filter=True)
    return base


def label(package):
    epoch = "" if int(package.epoch) == 0 else "%d:" % package.epoch
    return "%s-%s%s-%s.%s %s" % (package.name, epoch, package.version, package.release, package.arch, package.reponame)


def modules(base):
    """The lines of `dnf module list`, read by the columns of its tables: REPO NAME STREAM: PROFILES."""
    # A command's base has a terminal, for the repositories' names.
    base.output = types.SimpleNamespace(term=types.SimpleNamespace(bold=str))
    unknown = libdnf.module.ModulePackageContainer.ModuleState_UNKNOWN
    text = dnf.module.module_base.ModuleBase(base)._get_brief_description([], unknown) or ""
    lines, starts, repository = [], None, None
    names = {repo.name: repo.id for repo in base.repos.iter_enabled()}
    for line in text.split("\n"):
        if line.startswith("Name ") and " Stream " in line:
            starts = [line.index(title) for title in ("Name", "Stream", "Profiles", "Summary")]
        elif not line.strip() or line.startswith("Hint:"):
            starts = None
        elif starts is None:
            repository = names[line.strip()]
        else:
            name, stream, profiles = (line[a:b].strip() for a, b in zip(starts, starts[1:]))
            lines.append("%s %s %s: %s" % (repository, name, stream.replace("[d][a]", "[d]"), profiles))
    return sorted(lines)


def groups(base):
    lines = []
    for group in base.comps.groups_iter():
        kinds = (("mandatory", group.mandatory_packages), ("default", group.default_packages),
                 ("optional", group.optional_packages), ("conditional", group.conditional_packages))
        members = sorted("%s %s" % (kind, member.name) for kind, found in kinds for member in found)
        lines.append("%s %s %s: %s" % (group.id, group.name, str(bool(group.visible)).lower(), ", ".join(members)))
    for environment in base.comps.environments_iter():
        ids = sorted(group.name for group in environment.group_ids)
        lines.append("%s %s: %s" % (environment.id, environment.name, ", ".join(ids)))
    return sorted(lines)


def answer(base, words):
    """As `dnf install` marks its arguments, one resolution for all."""
    try:
        if words == ["--modules"]:
            return {"packages": modules(base)}
        if words == ["--groups"]:
            return {"packages": groups(base)}
        if words == ["--visible"]:
            return {"packages": sorted(label(package) for package in base.sack.query().available())}
        specs = [word for word in words if not word.startswith("--setopt=")]
        strict = base.conf.strict
        files = [spec for spec in specs if spec.endswith(".rpm")]
        for package in base.add_remote_rpms(files, strict=strict):
            base.package_install(package, strict=strict)
        for spec in specs:
            if spec in files:
                continue
            if spec.startswith("@"):
                base.install_specs([spec], strict=strict)
            else:
                try:
                    base.install(spec, strict=strict)
                except dnf.exceptions.MarkingError:
                    # As its command line does: the others are still installed.
                    if strict:
                        raise
        base.resolve()
        return {"packages": sorted(label(package) for package in base.transaction.install_set)}
    except (dnf.exceptions.Error, RuntimeError) as error:
        return {"error": str(error) or type(error).__name__}


def answers(question):
    base = None
    for words in question["requests"]:
        own = any(word.startswith("--setopt=") for word in words)
        if base and own:
            base.close()
            base = None
        if base is None:
            try:
                base = open_base(question, words)
            except dnf.exceptions.RepoError as error:
                yield {"error": str(error)}
                continue
        yield answer(base, words)
        if question["modular"] or own or any(word.endswith(".rpm") for word in words):
            # It may have enabled a module's stream, also by a package's plain name, and that stays; so do settings and files.
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
