import Base
import HTTPTypes
import NIOCore

/// A payload that a client may also send as an HTML form.
package protocol FormReadable: Payload {}

/// Decodes the body of a request into one type of payload.
struct BodyReader: Sendable {
    private let decoder: PayloadDecoder
    private let acceptsForms: Bool
    private let mayBeOmitted: Bool
    private let formats: [BodyFormat]
    private let bytesMax: Int

    init(for payload: any Payload.Type) {
        decoder = PayloadDecoder(for: payload)
        acceptsForms = payload is any FormReadable.Type
        mayBeOmitted = payload is any OptionalBody.Type
        let multiFormat = payload as? any MultiFormatBody.Type
        formats = multiFormat?.formats ?? []
        bytesMax = multiFormat?.bodyBytesMax ?? Route.maximumBody
    }

    /// - Throws: 415 for another media type or a compressed body, 413 for a body above the limit, 400 or 422 for one
    ///   that does not fit the schema.
    func read<Input: Payload>(_ request: Request) async throws(Problem) -> Input {
        try request.checkBodyCoding()
        let mediaType =
            request.headers[.contentType].map { $0.prefix { $0 != ";" }.lowercased().filter { $0 != " " } }
            ?? "application/json"
        if acceptsForms, mediaType == "application/x-www-form-urlencoded" {
            let body = try await request.body.collect(upTo: Route.maximumBody)
            let form = Query(String(buffer: body)).values
            return try decoder.decode(Input.self, from: .object(form.mapValues { .string($0) }))
        }
        guard mediaType == "application/json" || mediaType.hasSuffix("+json") else {
            throw Problem(
                .unsupportedMediaType,
                detail: "Send application/json\(acceptsForms ? " or application/x-www-form-urlencoded" : "").")
        }
        let body = try await request.body.collect(upTo: bytesMax)
        if mayBeOmitted, body.readableBytes == 0 { return try decoder.decode(Input.self, from: [:]) }
        guard !formats.isEmpty else { return try decoder.decode(Input.self, from: body) }
        let value = try PayloadDecoder.json(body)
        guard let input = try formats.format(of: value, mediaType)?.read(value) as? Input else {
            preconditionFailure("\(Input.self) has a format for application/json, and each format yields the payload")
        }
        return input
    }
}
