import Base
import HTTPTypes
import NIOCore

/// A payload that a client may also send as an HTML form.
package protocol FormReadable: Payload {}

/// Decodes the body of a request into one type of payload.
struct BodyReader: Sendable {
    /// What the type of payload allows.
    private struct Traits: Sendable {
        let acceptsForms: Bool
        let mayBeOmitted: Bool
        let formats: [BodyFormat]
        let bytesMax: Int

        init(of payload: any Payload.Type) {
            acceptsForms = payload is any FormReadable.Type
            mayBeOmitted = payload is any OptionalBody.Type
            formats = (payload as? any MultiFormatBody.Type)?.formats ?? []
            bytesMax = payload.bodyBytesMax
        }
    }

    private let decoder: PayloadDecoder
    /// Found at the first body: each look-up of a conformance that a type does not have searches the whole program,
    /// and all routes together would delay the start.
    private let traits: OnDemand<Traits>

    init(for payload: any Payload.Type) {
        decoder = PayloadDecoder(for: payload)
        traits = OnDemand { Traits(of: payload) }
    }

    /// - Throws: 415 for another media type or a compressed body, 413 for a body above the limit, 400 or 422 for one
    ///   that does not fit the schema.
    func read<Input: Payload>(_ request: Request) async throws(Problem) -> Input {
        try request.checkBodyCoding()
        let traits = traits.value
        let mediaType = Self.mediaType(of: request)
        if traits.acceptsForms, mediaType == "application/x-www-form-urlencoded" {
            let body = try await request.body.collect(upTo: Route.maximumBody)
            guard let text = String(validating: body.readableBytesView, as: UTF8.self) else {
                throw Problem(.invalidRequest, detail: "The form is not UTF-8.")
            }
            let form = try Query(text, of: "form").values
            return try decoder.decode(Input.self, from: .object(form.mapValues { .string($0) }))
        }
        guard mediaType == "application/json" || mediaType.hasSuffix("+json") else {
            throw Problem(
                .unsupportedMediaType,
                detail: "Send application/json\(traits.acceptsForms ? " or application/x-www-form-urlencoded" : "").")
        }
        let body = try await request.body.collect(upTo: traits.bytesMax)
        if traits.mayBeOmitted, body.readableBytes == 0 { return try decoder.decode(Input.self, from: [:]) }
        guard !traits.formats.isEmpty else { return try decoder.decode(Input.self, from: body) }
        let value = try PayloadDecoder.json(body)
        guard let input = try traits.formats.format(of: value, mediaType)?.read(value) as? Input else {
            preconditionFailure("\(Input.self) has a format for application/json, and each format yields the payload")
        }
        return input
    }

    /// In lower case and without parameters; JSON where the request names none.
    private static func mediaType(of request: Request) -> String {
        let json = "application/json"
        guard let field = request.headers.value(of: .contentType), field != json else { return json }
        return field.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
    }
}
