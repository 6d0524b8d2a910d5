/// Finds web addresses in names. E-mails carry names to people who did not ask for them, and mail programs turn web
/// addresses into links, also those without a scheme.
enum WebAddresses {
    /// The top-level domains by which a name of two or more labels, such as `example.com`, is a web address. Others are
    /// not in the list because names have full stops too: `Dr.Smith`, `St.Gallen`, `S.p.A`.
    private static let topLevelDomains: Set<String> = [
        "com", "net", "org", "info", "biz", "edu", "gov", "mil", "int", "pro", "mobi", "app", "dev", "xyz", "top",
        "site", "online", "shop", "store", "club", "live", "link", "click", "icu", "vip", "work", "tech", "space",
        "website", "page", "cloud", "digital", "agency", "blog", "news", "today", "world", "life", "io", "co", "me",
        "ly", "cc", "tv", "ai", "gg", "to", "ru", "su", "cn", "uk", "de", "fr", "eu", "us", "ca", "au", "jp", "br",
        "in", "it", "es", "nl", "pl", "se", "no", "fi", "dk", "at", "ch", "be", "cz", "tk", "ml", "ga", "cf", "gq",
        "pw", "ws", "рф",
    ]

    static func occur(in text: String) -> Bool {
        let key = CanonicalText.key(of: text).replacing("\u{3002}", with: ".")
        guard !key.contains("://"), !key.contains("www.") else { return true }
        return key.split { !isPartOfHost($0) }.contains(where: isHost)
    }

    private static func isPartOfHost(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "-" || character == "."
    }

    private static func isHost(_ word: Substring) -> Bool {
        let labels = word.split(separator: ".")
        return labels.count >= 2 && labels.last.map { topLevelDomains.contains(String($0)) } ?? false
    }
}
