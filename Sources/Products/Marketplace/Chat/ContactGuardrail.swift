import Foundation

/// Finds contact details in a message: phone numbers, e-mail addresses, links and names on other services, also where
/// they are spelled out, spaced out or otherwise disguised.
///
/// It reads the text alone. What is spread over several messages, or said without a form ("the name of my shop, at the
/// usual mail service"), passes. The errors of both kinds are measured on written samples
/// (`Tests/Cases/marketplace/chat-messages.jsonl`); `docs/modules/marketplace.md` tells them.
struct ContactGuardrail: Sendable {
    enum Finding: String, Sendable, CaseIterable { case phone, email, link, handle }

    /// - Returns: nil for a message without contact details.
    static func finding(in text: String) -> Finding? {
        let plain = CanonicalMessage(text)
        if isEmail(plain.text) { return .email }
        if isLink(plain.text) { return .link }
        if isHandle(plain.text) { return .handle }
        if PhoneNumber.occurs(in: plain.text) { return .phone }
        return nil
    }

    // MARK: E-mail

    private static func isEmail(_ text: String) -> Bool {
        let name = #"(?<![a-z0-9._%+-])[a-z0-9._%+-]{1,64}"#
        let at = #"\s*(?:@|\(\s*at\s*\)|\[\s*at\s*\]|\{\s*at\s*\}|<\s*at\s*>|\*at\*|_at_|-at-)\s*"#
        let dot = #"\s*(?:\.|,|\(\s*dot\s*\)|\[\s*dot\s*\]|\{\s*dot\s*\}|\bdot\b|\bpunkt\b|\bpoint\b)\s*"#
        let hosts = "gmail|googlemail|hotmail|yahoo|outlook|icloud|protonmail|proton|gmx|aol|rediffmail|zoho|mail"
        return [
            // name(at)host.tld, name @ host dot tld
            #"\#(name)\#(at)[a-z0-9-]{1,63}\#(dot)[a-z]{2,}"#,
            // name at host dot tld, name at host.tld
            #"\#(name)\s+at\s+[a-z0-9-]{1,63}(?:\s*\(dot\)\s*|\s+dot\s+|\.)(?:\#(Self.topLevelDomains))\b"#,
            // name at gmail, name@gmail
            #"\#(name)(?:\s+at\s+|\#(at))(?:\#(hosts))\b"#,
            // my gmail is name; e-mail: name
            #"\bmy\s+(?:gmail|hotmail|yahoo|outlook|icloud|gmx)\b"#,
            // name-at-host-dot-tld
            #"\b[a-z0-9]{1,64}-at-[a-z0-9-]{1,63}-dot-[a-z]{2,}"#,
            #"\be-?mail\s*(?:address)?\s*(?:is|:)\s+[a-z0-9._-]{1,64}\s+(?:at|@)\b"#,
        ].contains { matches($0, text) }
    }

    // MARK: Links

    /// Those that occur; a list of all, such as `it` and `at`, would make words behind a forgotten space a link.
    private static let topLevelDomains = [
        "com", "net", "org", "io", "co", "de", "in", "uk", "fr", "es", "nl", "ch", "eu", "ca", "au", "app", "dev",
        "info", "biz", "me", "ly", "ee", "gg", "tv", "shop", "online", "site", "xyz", "page", "link", "store", "live",
        "club", "events", "photography", "catering", "pl", "br", "jp",
    ].joined(separator: "|")

    private static func isLink(_ text: String) -> Bool {
        let certain = "com|net|org|io|info|biz|app|me|ly|co"
        let dot = #"(?:\(\s*dot\s*\)|\[\s*(?:dot|\.)\s*\]|\{\s*dot\s*\}|\s+dot\s+)"#
        return [
            #"\bh\s?t\s?t\s?p\s?s?\s?:"#, #"\bhxxps?\b"#, #"\bwww\s*[.\s]\s*[a-z0-9-]"#,
            #"\b[a-z]\.me/"#,
            #"\b[a-z0-9][a-z0-9-]{1,62}\.(?:\#(topLevelDomains))\b(?!\.?[a-z0-9])"#,
            #"\b[a-z0-9][a-z0-9-]{1,62}\.(?:\#(topLevelDomains))/"#,
            #"\b[a-z0-9][a-z0-9-]{1,62}\s*\#(dot)\s*(?:\#(topLevelDomains))\b"#,
            #"\b[a-z0-9][a-z0-9-]{1,62}\s+\.\s*(?:\#(certain))\b"#, #"\b[a-z0-9][a-z0-9-]{1,62}\.\s+(?:com|net|org)\b"#,
            #"\b(?:google|search)\s+(?:for\s+)?(?:us|me|our (?:site|page|name))\b"#,
        ].contains { matches($0, text) }
    }

    // MARK: Names on other services

    private static func isHandle(_ text: String) -> Bool {
        let service =
            "instagram|insta|ig|telegram|whats\\s?app|wapp|snapchat|snap|facebook|fb|messenger|tiktok|tik tok|twitter"
            + "|linkedin|signal|wechat|viber|skype|discord|pinterest|youtube"
        let reach = "add|find|message|msg|dm|pm|follow|text|reach|contact|ping|write|hit|call|look|search|tag|hmu"
        let by = "(?:on|via|at|through|over|in|using)"
        let noun = "(?:handle|name|id|account|page|user(?:name)?|number)"
        return [
            // @name
            #"(?:^|[\s(:,])@\s?[a-z0-9_][a-z0-9_.]{2,}"#,
            // find me on instagram; message us via whatsapp
            #"\b(?:\#(reach))(?:\s+(?:me|us|up|for|him|her|out|to))*\s+\#(by)\s+(?:my\s+|our\s+)?(?:\#(service))\b"#,
            // search for name on tiktok
            #"\b(?:find|search|look|add|follow)\s+(?:for\s+)?[a-z0-9_.]{3,40}\s+on\s+(?:\#(service))\b"#,
            // my insta is name; our facebook: name
            #"\b(?:my|our)\s+(?:\#(service))\b\s*\#(noun)?\s*(?:is|:|=|-|@|,)"#,
            // insta: name; ig - name; telegram handle name
            #"\b(?:\#(service))\s*(?:handle|name|id|user(?:name)?)?\s*(?::|=|@|->)\s*[a-z0-9_.]{3,}"#,
            #"\b(?:\#(service))\s+(?:handle|id|user(?:name)?)\s+(?:is\s+)?[a-z0-9_.]{3,}"#,
            // I'm name on insta; we are name_photo on ig
            #"\b(?:i'?m|i am|we'?re|we are|it'?s)\s+@?[a-z0-9_.]{3,40}\s+on\s+(?:\#(service))\b"#,
            #"\b(?:dm|pm)\s+(?:me|us)\b"#,
            #"\b(?:switch|move|continue|talk|chat)\s+(?:(?:over\s+)?to|on|via)\s+(?:\#(service))\b"#,
        ].contains { matches($0, text) }
    }

    private static func matches(_ pattern: String, _ text: String) -> Bool {
        text.range(of: pattern, options: .regularExpression) != nil
    }
}

/// A message in lower case and compatibility form (Unicode NFKC), without invisible characters.
private struct CanonicalMessage {
    let text: String

    init(_ text: String) {
        var plain = text.precomposedStringWithCompatibilityMapping.lowercased()
        plain.unicodeScalars.removeAll { scalar in
            scalar.properties.isDefaultIgnorableCodePoint || scalar.properties.generalCategory == .format
        }
        plain = Self.withoutMarks(plain)
        // Digits of other scripts count as digits.
        self.text = String(
            plain.map { character in
                guard !character.isASCII, let digit = character.wholeNumberValue, (0...9).contains(digit) else {
                    return character
                }
                return Character("\(digit)")
            })
    }

    /// Without the marks that are combined with digits and with letters of ASCII, such as those of keycaps: "9⃣" is a 9.
    /// Marks that make other letters are composed with them before; those of other scripts belong to their letters.
    private static func withoutMarks(_ text: String) -> String {
        var kept = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .nonspacingMark, .enclosingMark, .spacingMark:
                guard let last = kept.last, last.isASCII || last.properties.numericType != nil else { break }
                continue
            default: break
            }
            kept.append(scalar)
        }
        return String(kept)
    }
}
