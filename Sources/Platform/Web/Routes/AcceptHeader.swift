package import Base
import HTTPTypes

/// Whether the client prefers HTML to JSON, by its `Accept` header (RFC 9110 §12.5.1).
///
/// JSON is the default: without the header, for `*/*`, where both have the same weight, and where neither is
/// acceptable.
package struct PrefersHTML: Requirement {
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [] }
    package var summary: RequirementSummary { RequirementSummary(.header, "Accept", isRequired: false) }

    package func check(_ request: Request) -> Bool {
        let ranges = MediaRange.all(in: request.headers[.accept] ?? "*/*")
        return MediaRange.weight(of: ("text", "html"), in: ranges)
            > MediaRange.weight(of: ("application", "json"), in: ranges)
    }
}

extension Requirement where Self == PrefersHTML {
    package static var prefersHTML: Self { PrefersHTML() }
}

/// One element of an `Accept` header.
private struct MediaRange {
    let type: Substring
    let subtype: Substring
    /// In thousandths.
    let weight: Int

    /// The valid elements of a header; malformed ones are ignored.
    static func all(in text: String) -> [MediaRange] {
        text.lowercased().split(separator: ",").compactMap { MediaRange($0) }
    }

    /// The weight of the most specific range that matches; 0 where none does.
    static func weight(of media: (type: Substring, subtype: Substring), in ranges: [MediaRange]) -> Int {
        let exact = ranges.first { $0.type == media.type && $0.subtype == media.subtype }
        let ofType = ranges.first { $0.type == media.type && $0.subtype == "*" }
        let any = ranges.first { $0.type == "*" && $0.subtype == "*" }
        return (exact ?? ofType ?? any)?.weight ?? 0
    }

    private init?(_ text: Substring) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map { part in
            part.filter { $0 != " " && $0 != "\t" }
        }
        let names = parts[0].split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 2, !names[0].isEmpty, !names[1].isEmpty else { return nil }
        (type, subtype) = (names[0], names[1])
        guard let parameter = parts.dropFirst().first(where: { $0.hasPrefix("q=") }) else {
            weight = 1_000
            return
        }
        let digits = parameter.dropFirst(2)
        guard digits.count <= 5, digits.allSatisfy({ "0123456789.".contains($0) }), let value = Double(digits),
            value <= 1
        else { return nil }
        weight = Int((value * 1_000).rounded())
    }
}

/// A resource with an HTML and a JSON representation, one of which the `Accept` header selects.
package enum Negotiated<Body: Payload>: ResponseConvertible {
    case html(Page)
    case json(Body)

    package static var documented: [DocumentedResponse] { Body.documented + Page.documented }

    package func response() throws(Problem) -> Response {
        var response =
            switch self {
            case .html(let page): page.response()
            case .json(let body): try body.response()
            }
        response.headers[.vary] = "Accept"
        return response
    }
}
