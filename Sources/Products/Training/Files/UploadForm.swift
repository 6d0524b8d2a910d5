import Modules

/// The multipart/form-data body of an upload: a part `metadata` and one file part.
enum UploadForm {
    /// The largest `metadata` part, and the largest unknown part, in bytes.
    static let metadataBytesMax = 64 << 10
    /// Bytes of boundaries and part headers beside the metadata and the file.
    private static let overheadBytesMax = 64 << 10

    /// - Parameter fileBytesMax: the largest file of the plan, in bytes.
    /// - Throws: `invalid-payload` or 415 where the body is not multipart/form-data.
    static func reader(of incoming: RawBody.Incoming, fileBytesMax: Int64) throws(Problem) -> MultipartReader {
        try MultipartReader(
            contentType: incoming.contentType,
            body: incoming.body,
            limits: MultipartReader.Limits(
                totalBytes: Int(min(fileBytesMax, Int64.max / 8)) + metadataBytesMax + overheadBytesMax)
        )
    }
}
