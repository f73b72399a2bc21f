"""rpmbuild over all packages, with a cache: a package whose inputs didn't change is not built again."""

import hashlib
import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from .processes import end_with_parent, run
from .spec import SpecWriter, shared_directories
from .tree import Entry, Tree, inside, stage


class Builder:
    """Makes the RPMs of `packages`; its cache is a folder of files whose names are digests of all that went into them."""

    def __init__(self, distribution, debs, deb_folder, cache, work, level, jobs, progress):
        self.distribution, self.debs, self.deb_folder = distribution, debs, deb_folder
        self.used = set()                       # names in the cache that this build needs
        self.cache, self.work, self.level, self.jobs, self.progress = cache, work, level, jobs, progress
        cache.mkdir(parents=True, exist_ok=True)

    def build(self, packages):
        """Returns (package, file name, file in the cache) for each of them."""
        stage_keys = [self.stage_key(package) for package in packages]
        self.used = {f"{key}.tree" for key in stage_keys}
        with ProcessPoolExecutor(self.jobs, initializer=end_with_parent) as pool:
            try:
                trees = self.stage_all(pool, packages, stage_keys)
                return self.package_all(pool, packages, stage_keys, trees)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def stage_all(self, pool, packages, keys):
        with self.progress.phase("unpacking", len(packages)) as phase:
            waiting = {}
            for number, package in enumerate(packages):
                known = self.cache / f"{keys[number]}.tree"
                task = pool.submit(load_tree, known) if known.exists() else self.submit_stage(pool, package, keys[number])
                waiting[task] = number
            trees = [None] * len(packages)
            for task in as_completed(waiting):
                number = waiting[task]
                trees[number] = task.result()
                phase.step(packages[number].name)
        return trees

    def submit_stage(self, pool, package, key):
        return pool.submit(stage_into_cache, package, self.archives(package), self.work / "trees" / key,
                           self.cache / f"{key}.tree")

    def package_all(self, pool, packages, stage_keys, trees):
        main = {package.name: tree for package, tree in zip(packages, trees) if not package.update}
        writer = SpecWriter(self.distribution, shared_directories(main), self.level)
        for package, tree in zip(packages, trees):
            writer.learn(package, tree)
        give_shared_directories(main["filesystem"], writer.shared)
        built = []
        with self.progress.phase("building packages", len(packages)) as phase:
            waiting = {}
            # Large packages first: the last one to end is a small one then.
            for number in sorted(range(len(packages)), key=lambda number: -self.weight(packages[number])):
                package, tree, stage_key = packages[number], trees[number], stage_keys[number]
                spec = writer.write(package, tree)
                shared = sorted(writer.shared) if package.name == "filesystem" else []
                key = digest(spec, stage_key, self.distribution["source_date_epoch"])
                order = Order(package, spec, self.archives(package), self.work / "trees" / stage_key, shared,
                              self.work / "rpms" / key, self.cache / f"{key}.rpm", self.distribution["source_date_epoch"])
                self.used |= {f"{key}.rpm", f"{key}.name"}
                waiting[pool.submit(build_one, order)] = package
            for task in as_completed(waiting):
                package = waiting[task]
                name, file = task.result()
                built.append((package, name, file))
                phase.step(package.name)
        return sorted(built, key=lambda item: item[1])

    def archives(self, package):
        return [self.deb_folder / self.debs[name].file for name in package.debs]

    def weight(self, package):
        return sum(self.debs[name].size for name in package.debs)

    def stage_key(self, package):
        return digest(package.digest(), [self.debs[name].sha256 for name in package.debs], sources("tree", "debian"))


class Order:
    """What one worker process is told to build."""

    def __init__(self, package, spec, archives, tree, shared, work, target, epoch):
        self.package, self.spec, self.archives, self.tree = package, spec, archives, tree
        self.shared, self.work, self.target, self.epoch = shared, work, target, epoch


def build_one(order):
    """Runs rpmbuild unless the cache has the answer; returns the RPM's file name and its place in the cache."""
    names = order.target.with_suffix(".name")
    if order.target.exists() and names.exists():
        return names.read_text(), order.target
    if not order.tree.exists():
        stage(order.package, order.archives, order.tree)
    for path in order.shared:
        inside(order.tree, path).mkdir(parents=True, exist_ok=True)
    order.work.mkdir(parents=True)
    spec = order.work / f"{order.package.name}.spec"
    spec.write_text(order.spec)
    command = ["rpmbuild", "-bb", "--noclean", "--quiet", "--nodebuginfo", "--buildroot", str(order.tree)]
    for macro in (f"_topdir {order.work}", f"_rpmdir {order.work}/out", "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"):
        command += ["--define", macro]
    environment = {"PATH": os.environ["PATH"], "HOME": str(order.work), "LC_ALL": "C.UTF-8",
                   "SOURCE_DATE_EPOCH": str(order.epoch)}
    run([*command, str(spec)], f"cannot build {order.package.name}", env=environment)
    [built] = (order.work / "out").iterdir()
    name = built.name
    write_whole(names, name)
    os.replace(built, order.target)
    shutil.rmtree(order.tree)
    shutil.rmtree(order.work)
    return name, order.target


def stage_into_cache(package, archives, root, target):
    tree = stage(package, archives, root)
    write_whole(target, json.dumps(tree.encode()))
    return tree


def load_tree(file):
    return Tree.decode(json.loads(file.read_text()))


def give_shared_directories(filesystem, shared):
    """filesystem owns what others share, but keeps what it says of a directory itself."""
    for path, entry in shared.items():
        if path not in filesystem.entries or not filesystem.entries[path].listed:
            filesystem.entries[path] = Entry(**{**vars(entry), "listed": False})


def prune(folder, used):
    """Forgets what the finished build didn't need."""
    for file in folder.iterdir():
        if file.name not in used:
            file.unlink()


def write_whole(file, text):
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_text(text)
    os.replace(part, file)


def sources(*modules):
    return [Path(__file__).with_name(f"{module}.py").read_text() for module in modules]


def digest(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:40]
