internal import Configuration
internal import Diagnostics
internal import FoundationEssentials
internal import Layers
internal import Model
internal import Repositories
internal import Solving
internal import System
internal import SystemPackage

/// Answers of the solver, given again as long as everything that decides them is the same: CACHE/plans/KEY.
///
/// Metadata only changes with its repomd.xml, layers never do, and the solver has no moods: the same question has the same answer.
struct PlanMemory {
    private let files: DerivedFiles
    private let progress: any ProgressSink

    init(cache: FilePath, progress: any ProgressSink) {
        files = DerivedFiles(in: cache.appending("plans"), format: "provision-plan 4 \(version) \(solverVersion)")
        self.progress = progress
    }

    private struct Stored: Codable {
        struct Satisfied: Codable {
            var spec: String
            var package: NEVRA
        }
        struct Replacement: Codable {
            var old: NEVRA
            var new: NEVRA?
        }
        var packages: [PlannedPackage]
        /// One for each package: what a plan's own document doesn't tell.
        var headerEnds: [UInt64?]
        var warnings: [String]
        var selection: Selection
        var satisfied: [Satisfied]
        var replaced: [Replacement]
    }

    func solution(for question: PlanQuestion) throws(ProvisionError) -> Solution? {
        let key = question.key
        // What can't be read is no memory: the question is asked again.
        guard let bytes = try files.read(key, from: key), let stored = try? JSONDecoder().decode(Stored.self, from: Data(bytes))
        else { return nil }
        var packages = stored.packages
        for (index, end) in zip(packages.indices, stored.headerEnds) { packages[index].headerEnd = end }
        return Solution(
            plan: Plan(packages: packages, warnings: stored.warnings, selection: stored.selection),
            alreadyInstalled: stored.satisfied.map { .init(spec: $0.spec, package: $0.package) },
            replaced: stored.replaced.map { .init(old: $0.old, new: $0.new) })
    }

    /// A cache that can't be written costs time, nothing else.
    func keep(_ solution: Solution, for question: PlanQuestion) throws {
        let stored = Stored(
            packages: solution.plan.packages, headerEnds: solution.plan.packages.map(\.headerEnd),
            warnings: solution.plan.warnings, selection: solution.plan.selection,
            satisfied: solution.alreadyInstalled.map { .init(spec: $0.spec, package: $0.package) },
            replaced: solution.replaced.map { .init(old: $0.old, new: $0.new) })
        let bytes = Array(try JSONEncoder().encode(stored))
        do throws(ProvisionError) {
            try files.write(bytes, name: question.key, from: question.key)
        } catch {
            progress.detail("the plan is not remembered: \(error)")
        }
    }
}

/// All that decides a solver's answer, in one text.
struct PlanQuestion {
    private var text = ""

    /// Words can hold anything: their lengths keep them apart.
    private mutating func add(_ name: String, _ words: [String]) {
        text += "\(name) \(words.count)\n" + words.map { "\($0.utf8.count):\($0)\n" }.joined()
    }

    init(_ preparation: BuildPreparation, pins: [NEVRA]) {
        let asked = preparation.request
        let main = preparation.configuration.main
        for snapshot in preparation.snapshots {
            let own = snapshot.configuration
            add(
                "repository",
                [
                    own.id, "\(own.priority)", "\(own.cost)", "\(own.moduleHotfixes)", "\(own.enablesGroups)",
                    snapshot.repomdDigest.description,
                ])
            add("excludes", own.excludePackages)
            add("includes", own.includePackages)
        }
        // The manifest's request covers all its ancestors.
        let parent = preparation.parent?.manifest
        add("on", parent.map { [$0.digest.description, $0.request.description] } ?? [])
        add("specs", preparation.specs)
        add("files", preparation.files.flatMap { [$0.spec, $0.checksum.description] })
        add("groups", asked.groups)
        add("types", main.groupPackageTypes)
        add("excludes", asked.excludes)
        add("main excludes", main.excludePackages)
        add("main includes", main.includePackages)
        add("weak excludes", main.weakExcludes)
        add("disabled excludes", main.disabledExcludes)
        add("install only", main.installOnlyPackages)
        add("pins", pins.map(\.description))
        add(
            "settings",
            [
                preparation.configuration.architecture.native, preparation.configuration.database.path,
                main.modulePlatform ?? "", main.multilibPolicy.rawValue, "\(asked.withOptional)",
                "\(asked.weakDependencies || main.installWeakDeps)", "\(main.best)", "\(main.strict)", "\(main.skipsBroken)",
                "\(main.obsoletes)",
                "\(main.exactarch)",
            ])
    }

    var key: String { sha256(of: text).hex }
}
