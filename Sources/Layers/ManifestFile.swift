public import Diagnostics
internal import FoundationEssentials
public import Model

/// A layer's manifest as bytes: `layer.json` in the store and in images.
public enum ManifestFile {
    /// The version of the format that this program writes; newer ones are refused.
    static let schema = 3

    /// JSON with sorted keys, so that the same manifest is the same bytes.
    public static func encode(_ manifest: LayerManifest) throws(ProvisionError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(manifest)) + [0x0a]
        } catch {
            throw ProvisionError(.failed, "cannot write the manifest of \"\(manifest.name)\": \(error)")
        }
    }

    /// - Parameter source: where the bytes are from, for messages.
    /// - Throws: `.failed` for what isn't a manifest, `.unsupported` for one of a newer format.
    public static func decode(_ bytes: [UInt8], from source: String) throws(ProvisionError) -> LayerManifest {
        do {
            let manifest = try JSONDecoder().decode(KnownFormat.self, from: Data(bytes)).manifest
            if let reason = reasonToRefuse(manifest) {
                throw ProvisionError(.failed, "\"\(source)\" is not a layer's manifest: \(reason)")
            }
            return manifest
        } catch let error as ProvisionError {
            throw error
        } catch let error as NewerFormat {
            throw ProvisionError(
                .unsupported, "\"\(source)\" is of format \(error.schema), this program knows formats up to \(schema)",
                hint: "use the version of provision that made it, or a newer one")
        } catch let error as DecodingError {
            throw ProvisionError(.failed, "\"\(source)\" is not a layer's manifest: \(error.words)")
        } catch {
            throw ProvisionError(.failed, "\"\(source)\" is not a layer's manifest: \(error)")
        }
    }

    /// What no layer of ours says: the numbers are added up, and the paths lead into trees.
    private static func reasonToRefuse(_ manifest: LayerManifest) -> String? {
        guard let differences = manifest.differences else { return nil }
        guard !differences.isEmpty, manifest.parent != nil else { return "differences from nothing" }
        let sizes = differences.allSatisfy { $0.size <= DifferenceFile.largest && $0.storedSize <= $0.size }
        guard sizes, differences.count <= 1000, manifest.size >= differences.reduce(0, { $0 + $1.storedSize }) else {
            return "differences of impossible sizes"
        }
        let paths = differences.map { $0.path.split(separator: "/", omittingEmptySubsequences: false) }
        guard paths.allSatisfy({ !$0.contains("") && !$0.contains(".") && !$0.contains("..") }),
            Set(differences.map(\.path)).count == differences.count
        else { return "differences of impossible paths" }
        return nil
    }

    private struct NewerFormat: Error { let schema: Int }

    /// The format's number is looked at before anything else.
    private struct KnownFormat: Decodable {
        private enum Keys: CodingKey { case schema }
        let manifest: LayerManifest

        init(from decoder: any Decoder) throws {
            let schema = try decoder.container(keyedBy: Keys.self).decode(Int.self, forKey: .schema)
            guard schema <= ManifestFile.schema else { throw NewerFormat(schema: schema) }
            manifest = try LayerManifest(from: decoder)
        }
    }
}

extension DecodingError {
    /// What was wrong and where, in one line.
    package var words: String {
        switch self {
        case .keyNotFound(let key, let context): "\(place(context))\"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            "\(place(context))\(context.debugDescription)"
        @unknown default: "\(self)"
        }
    }

    private func place(_ context: Context) -> String {
        let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        return path.isEmpty ? "" : "at \(path): "
    }
}
