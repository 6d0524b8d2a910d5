import Foundation

/// Domain names in their ASCII form (A-labels, RFC 5890).
enum DomainName {
    /// Non-ASCII labels are written as `xn--` and their Punycode (RFC 3492), after compatibility
    /// normalisation (NFKC) and case folding.
    /// - Returns: nil for text that is not a domain name.
    static func ascii(_ text: String) -> String? {
        let folded = text.precomposedStringWithCompatibilityMapping.lowercased()
            .precomposedStringWithCompatibilityMapping
        var labels: [String] = []
        for label in folded.split(separator: ".", omittingEmptySubsequences: false) {
            guard let ascii = asciiLabel(label) else { return nil }
            labels.append(ascii)
        }
        let name = labels.joined(separator: ".")
        return name.utf8.count <= 253 ? name : nil
    }

    private static func asciiLabel(_ label: Substring) -> String? {
        let ascii =
            label.utf8.allSatisfy { $0 < 128 }
            ? String(label) : punycode(label.unicodeScalars.map(\.value)).map { "xn--" + $0 }
        guard let ascii, (1...63).contains(ascii.utf8.count), !ascii.hasPrefix("-"), !ascii.hasSuffix("-") else {
            return nil
        }
        let isAllowed = ascii.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
        }
        return isAllowed ? ascii : nil
    }

    /// RFC 3492, section 6.3.
    private static func punycode(_ input: [UInt32]) -> String? {
        let (base, smallest, largest, initialBias, damp, skew) = (36, 1, 26, 72, 700, 38)
        guard input.count <= 63 else { return nil }
        var output = input.filter { $0 < 128 }.compactMap { UnicodeScalar($0) }.map(Character.init)
        let basic = output.count
        if basic > 0 { output.append("-") }
        var (next, delta, bias, handled) = (128, 0, initialBias, basic)
        func threshold(_ k: Int) -> Int { min(max(k - bias, smallest), largest) }
        func digit(_ value: Int) -> Character { Character(UnicodeScalar(UInt8(value < 26 ? 97 + value : 22 + value))) }
        while handled < input.count {
            guard let lowest = input.map(Int.init).filter({ $0 >= next }).min() else { return nil }
            delta += (lowest - next) * (handled + 1)
            next = lowest
            for scalar in input.map(Int.init) {
                if scalar < next { delta += 1 }
                guard scalar == next else { continue }
                var (rest, k) = (delta, base)
                while rest >= threshold(k) {
                    let t = threshold(k)
                    output.append(digit(t + (rest - t) % (base - t)))
                    rest = (rest - t) / (base - t)
                    k += base
                }
                output.append(digit(rest))
                var (scaled, steps) = (handled == basic ? delta / damp : delta / 2, 0)
                scaled += scaled / (handled + 1)
                while scaled > ((base - smallest) * largest) / 2 {
                    scaled /= base - smallest
                    steps += base
                }
                bias = steps + (base - smallest + 1) * scaled / (scaled + skew)
                delta = 0
                handled += 1
            }
            delta += 1
            next += 1
        }
        return String(output)
    }
}
