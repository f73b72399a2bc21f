internal import Configuration
internal import Diagnostics
internal import Layers
internal import Model
internal import Repositories
internal import Solving
internal import System
internal import SystemPackage

/// Asks the solver for the packages of a prepared build, and adds to its refusals what only the configuration knows.
struct Resolver {
    let preparation: BuildPreparation
    let loader: RepositoryLoader
    /// The parent and its ancestors, topmost first.
    let chain: [Layer]
    let progress: PhaseClock

    /// The answer that was given to the same question before, or else the solver's.
    func solve(
        pinning pins: [NEVRA], cache: FilePath, limit: UInt64, session: SolveSession = SolveSession()
    ) throws -> Solution {
        let memory = PlanMemory(cache: cache, progress: progress)
        let question = PlanQuestion(preparation, pins: pins)
        let solution: Solution
        if let known = try memory.solution(for: question) {
            solution = progress.phase(.resolve) { (known, note: "\(count(known.plan.packages.count, "package")), as before") }
        } else {
            solution = try solve(pins, cache: cache, limit: limit, session)
            try memory.keep(solution, for: question)
        }
        for warning in solution.plan.warnings { progress.warn(warning) }
        return solution
    }

    private func solve(_ pins: [NEVRA], cache: FilePath, limit: UInt64, _ session: SolveSession) throws -> Solution {
        let asked = preparation.request
        let main = preparation.configuration.main
        let words = try ModuleWords(
            asked.groups, snapshots: preparation.snapshots, enabled: EnabledModules(chain: chain).read,
            platform: main.modulePlatform, cache: cache, progress: progress)
        let (groups, selection) = try groups(words.groups)
        var request = SolveRequest(
            repositories: preparation.snapshots.map { $0.solverSource(loader) }, installed: try installedRoot(),
            specs: preparation.specs.filter { !isPackageFile($0) }, groups: groups, modules: words.request,
            architecture: preparation.configuration.architecture.native,
            excludes: asked.excludes, weakDependencies: asked.weakDependencies || main.installWeakDeps, best: main.best,
            obsoletes: main.obsoletes, exactArchitecture: main.exactarch,
            multilibPolicy: main.multilibPolicy == .all ? .all : .best, installOnly: main.installOnlyPackages,
            cache: cache.appending("solv"), metadataLimit: limit)
        request.pins = pins
        request.strict = main.strict && !main.skipsBroken
        request.weakExcludes = main.weakExcludes
        request.files = preparation.files
        (request.fileExcludes, request.fileIncludes) = preparation.configuration.filters
        do {
            var solution = try session.solve(request, progress: progress)
            solution.plan.selection.groups = selection.groups
            solution.plan.selection.environments = selection.environments
            solution.plan.selection.kinds = selection.kinds
            return solution
        } catch var error as ProvisionError where error.code == .unsatisfiable {
            if let hint = try DisabledRepositories(preparation, loader: loader, cache: cache).hint(for: request) {
                error.hint = hint
            }
            throw error
        }
    }

    /// The topmost tree that holds an rpm database: each layer that installs anything has the whole of it.
    private func installedRoot() throws -> InstalledRoot? {
        guard let parent = preparation.parent else { return nil }
        let path = preparation.configuration.database.path
        for layer in chain where try !(RootedDirectory(layer.completeTree).names(in: path) ?? []).isEmpty {
            return InstalledRoot(root: layer.completeTree, databasePath: path, generation: layer.digest.hex)
        }
        throw ProvisionError(
            .failed, "layer \"\(parent.name)\" holds no rpm database at \"\(path)\"",
            hint: "an app needs a parent that was made of packages")
    }

    private func groups(_ words: [String]) throws -> (requested: [RequestedGroup], selection: Selection) {
        try GroupResolution(
            snapshots: preparation.snapshots, types: Set(preparation.configuration.main.groupPackageTypes),
            withOptional: preparation.request.withOptional
        ).resolve(words)
    }
}
