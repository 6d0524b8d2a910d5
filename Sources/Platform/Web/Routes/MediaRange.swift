/// One element of an `Accept` header.
package struct MediaRange {
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

    /// The weight of a media type by the value of a header.
    package static func weight(of mediaType: String, in accepted: String) -> Int {
        let names = mediaType.split(separator: "/", maxSplits: 1)
        guard let type = names.first, let subtype = names.last else { return 0 }
        return weight(of: (type, subtype), in: all(in: accepted))
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
