internal import Diagnostics
internal import Model
internal import System
internal import Transfer

/// Fetches small documents that are judged in memory before anything of them is kept.
final class DocumentFetcher {
    private let downloader: Downloader
    private(set) var downloadedBytes: UInt64 = 0

    init(downloader: Downloader) { self.downloader = downloader }

    /// A document and the place of its mirror among the request's URLs.
    struct Document {
        let bytes: [UInt8]
        let mirror: Int
    }

    /// All at the same time; the files at the requests' destinations are gone afterwards.
    func fetch(_ requests: [Int: TransferRequest]) throws -> [Int: Result<Document, ProvisionError>] {
        guard !requests.isEmpty else { return [:] }
        let inOrder = requests.sorted { $0.key < $1.key }
        let results = try downloader.attempt(inOrder.map(\.value), phase: .metadata, countingFrom: downloadedBytes)
        var documents: [Int: Result<Document, ProvisionError>] = [:]
        for ((number, request), result) in zip(inOrder, results) {
            switch result {
            case .success(let arrived):
                let bytes = try Files.read(arrived.path, limit: Int(request.maximumSize))
                try Files.remove(arrived.path)
                downloadedBytes += arrived.downloadedBytes
                documents[number] = .success(Document(bytes: bytes, mirror: arrived.mirror ?? 0))
            case .failure(let error): documents[number] = .failure(error)
            }
        }
        return documents
    }
}

/// The digest of a small document in memory.
func digest(
    _ document: [UInt8], _ algorithm: ContentDigest.Algorithm = .sha256
) throws(ProvisionError) -> ContentDigest {
    var digester = try Digester(algorithm)
    document.withUnsafeBytes { digester.update($0) }
    return digester.finalize()
}
