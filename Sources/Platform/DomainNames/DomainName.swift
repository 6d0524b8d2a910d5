import CIDN2

/// Internationalised domain names: the mapping of UTS 46, non-transitional, and the rules of IDNA2008 (RFC 5891).
package enum DomainName {
    /// RFC 1035, section 2.3.4, without the final dot.
    private static let bytesMax = 253
    private static let labelBytesMax = 63

    /// The form that the DNS takes and that names are compared by: lower case, A-labels (`xn--…`) where needed.
    /// - Returns: nil for text that is not a domain name of letters, digits and hyphens in that form.
    package static func ascii(_ text: String) -> String? {
        let name: String
        if isPlainASCII(text) {
            name = text.lowercased()
        } else {
            var output: UnsafeMutablePointer<CChar>?
            guard text.utf8.allSatisfy({ $0 != 0 }),
                idn2_to_ascii_8z(text, &output, Int32(IDN2_NONTRANSITIONAL.rawValue)) == Int32(IDN2_OK.rawValue),
                let output
            else { return nil }
            defer { idn2_free(output) }
            name = String(cString: output).lowercased()
        }
        guard name.utf8.count <= bytesMax else { return nil }
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isLabel) ? name : nil
    }

    /// The form that people read: U-labels in place of A-labels.
    /// - Parameter ascii: a result of ``ascii(_:)``.
    package static func unicode(_ ascii: String) -> String {
        var output: UnsafeMutablePointer<CChar>?
        guard idn2_to_unicode_8z8z(ascii, &output, 0) == Int32(IDN2_OK.rawValue), let output else { return ascii }
        defer { idn2_free(output) }
        return String(cString: output)
    }

    /// Whether no label is or needs an A-label. Such names skip IDNA's rules, which refuse hyphens that the DNS has.
    private static func isPlainASCII(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 < 0x80 }
            && !text.lowercased().split(separator: ".").contains { $0.hasPrefix("xn--") }
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...labelBytesMax).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
            && label.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
            }
    }
}
