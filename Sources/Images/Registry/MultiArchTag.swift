internal import Diagnostics
internal import FoundationEssentials
internal import Model
internal import System

/// A tag that is an index: one image for each architecture, of which a pull takes its own.
struct MultiArchTag {
    let tag: String
    let push: RegistryPush
    let pull: RegistryPull

    /// Adds an image that is in the repository, in the place of one for the same platform; images for others stay, also one that
    /// the tag was until now.
    ///
    /// Registries can't add to an index: it is read, written, and read again, and once more where somebody else's push came
    /// between.
    /// - Returns: the index's digest.
    func add(_ descriptor: OCI.Descriptor) throws -> ContentDigest {
        for _ in 0..<5 {
            var (index, digest) = try read()
            if let digest,
                index.manifests.contains(where: { $0.digest == descriptor.digest && $0.platform == descriptor.platform })
            {
                return digest
            }
            index.manifests.removeAll { $0.platform == descriptor.platform }
            index.manifests.append(descriptor)
            try push.put(try OCI.encode(index), mediaType: OCI.MediaType.index, as: tag)
        }
        throw ProvisionError(
            .conflict, "others push to \"\(pull.session.reference)\" at the same time, and drop what was added to it",
            hint: "push once more when they are done")
    }

    /// The index, and its digest; without one, that of what the tag is now.
    private func read() throws -> (OCI.Index, ContentDigest?) {
        guard let (bytes, mediaType) = try pull.documentIfPresent(tag) else {
            return (OCI.Index(mediaType: OCI.MediaType.index, manifests: []), nil)
        }
        if OCI.MediaType.indexes.contains(mediaType) {
            var index: OCI.Index = try pull.decode(bytes)
            let isOCI = mediaType == OCI.MediaType.index
            index.mediaType = OCI.MediaType.index
            return (index, isOCI ? sha256(of: bytes) : nil)
        }
        let manifest: OCI.Manifest = try pull.decode(bytes)
        let file = try pull.blob(manifest.config)
        // A configuration has the platform's fields among its own.
        let platform: OCI.Platform = try pull.decode(try Files.read(file))
        try Files.remove(file)
        let descriptor = OCI.Descriptor(
            mediaType: mediaType, digest: sha256(of: bytes), size: UInt64(bytes.count), platform: platform)
        return (OCI.Index(mediaType: OCI.MediaType.index, manifests: [descriptor]), nil)
    }
}
