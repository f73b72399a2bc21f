internal import Diagnostics
internal import Layers
internal import Model

/// What an image says of itself, and whether that fits this store.
struct ImageManifest {
    /// For messages.
    let image: String
    /// nil for an archive made by hand.
    let manifest: LayerManifest?

    init(of image: String, manifest bytes: [UInt8]?) throws(ProvisionError) {
        self.image = image
        manifest = try bytes.map { (bytes) throws(ProvisionError) in
            try ManifestFile.decode(bytes, from: "\(image): \(Envelope.manifest)")
        }
    }

    /// The manifest as it will be here: under the name asked for, on the parent as it is called here. nil for an archive made by
    /// hand, which needs a name.
    func accepted(for request: UnpackRequest, in store: LayerStore) throws(ProvisionError) -> LayerManifest? {
        guard var manifest else {
            try acceptHandmade(request)
            return nil
        }
        manifest.name = request.name ?? manifest.name
        try LayerName.check(manifest.name)
        if let parent = manifest.parent {
            let found = try self.parent(parent, for: request, in: store)
            manifest.parent = .init(name: found.name, digest: found.digest)
        } else if let given = request.parent {
            throw ProvisionError(
                .usage, "the image \"\(image)\" holds a base, which stands on nothing", hint: "leave out --on \(given)")
        }
        return manifest
    }

    private func acceptHandmade(_ request: UnpackRequest) throws(ProvisionError) {
        guard let name = request.name else {
            throw ProvisionError(
                .usage, "the image \"\(image)\" has no manifest: it wasn't made by provision pack, or is damaged",
                hint: "to take it as a base layer, give it a name: --name NAME")
        }
        if let parent = request.parent {
            throw ProvisionError(
                .usage, "the image \"\(image)\" doesn't say what it stands on",
                hint: "leave out --on \(parent) to take it as a base")
        }
        try LayerName.check(name)
    }

    private func parent(
        _ parent: LayerManifest.Parent, for request: UnpackRequest, in store: LayerStore
    ) throws(ProvisionError) -> Layer {
        let found: Layer?
        if let given = request.parent {
            found = try store.layer(named: given)
        } else if let fitting = try store.find(digest: parent.digest, preferring: parent.name) {
            found = fitting
        } else {
            found = try store.layerIfPresent(parent.name)
        }
        guard let found else {
            throw ProvisionError(
                .conflict, "the image \"\(image)\" stands on \"\(parent.name)\", which is not here",
                hint: "unpack \"\(parent.name)\" first, or name the layer that it stands on with --on",
                causes: ["its digest is \(parent.digest)"])
        }
        guard found.digest == parent.digest else {
            throw ProvisionError(
                .verification, "the image \"\(image)\" was made on another layer than \"\(found.name)\"",
                hint: "unpack the layer that it was made on first",
                causes: ["made on \(parent.digest)", "\"\(found.name)\" is \(found.digest)"])
        }
        return found
    }
}
