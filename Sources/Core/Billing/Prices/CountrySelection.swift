import Modules

/// A body that names the country whose price is paid: an ISO 3166 code, as `country` or `region`.
protocol CountrySelection: Payload {
    var country: String? { get }
    var region: String? { get }
}

extension CountrySelection {
    static var countryRules: [String: Rule] { ["country": .length(2...2), "region": .length(2...2)] }

    /// Nil without a country.
    /// - Throws: `validation-failed` where the two names contradict each other.
    func selectedRegion() throws(Problem) -> String? {
        if let country, let region, country.uppercased() != region.uppercased() {
            throw Problem.invalid("/region", "contradicts country")
        }
        return (country ?? region)?.uppercased()
    }
}
