/// A text that is safe to draw on one line: names that clients choose may have any characters.
package struct DrawableText: Sendable {
    package static let charactersMax = 300

    /// In logical order.
    package let logical: String

    package init(_ text: String) {
        var kept = String.UnicodeScalarView()
        for scalar in text.prefix(Self.charactersMax).unicodeScalars.prefix(4 * Self.charactersMax) {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: kept.append(" ")
            // Invisible characters, such as direction marks, would be drawn as empty boxes.
            case .format, .surrogate, .privateUse, .unassigned: continue
            default: kept.append(scalar)
            }
        }
        logical = String(kept)
    }

    /// In visual order, left to right. Drawing libraries place characters in the given order, so runs of Hebrew and
    /// Arabic are reversed. Arabic letters are not joined, which would need a shaping engine.
    package var visual: String {
        let characters = Array(logical)
        guard characters.contains(where: \.isRightToLeft) else { return logical }
        var ordered = characters
        var start = 0
        while let first = characters[start...].firstIndex(where: \.isRightToLeft) {
            let end =
                characters[first...].firstIndex { !$0.isRightToLeft && ($0.isLetter || $0.isNumber) }
                ?? characters.endIndex
            let last = characters[first..<end].lastIndex(where: \.isRightToLeft) ?? first
            ordered.replaceSubrange(first...last, with: characters[first...last].reversed())
            start = last + 1
        }
        return String(ordered)
    }
}

extension Character {
    fileprivate var isRightToLeft: Bool {
        switch unicodeScalars.first?.value ?? 0 {
        case 0x0590...0x08FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFE: true
        default: false
        }
    }
}
