/// A boolean that clients write as `ja` or `nein`.
enum YesNo: String, Codable, Sendable, CaseIterable {
    case yes = "ja"
    case no = "nein"
}
