import Modules
package import Stripe

extension ProviderCallService.Finding {
    /// Searches a list, from the newest element on, for the one whose metadata names what it was made for.
    /// - Parameters:
    ///   - name: of the member of the metadata.
    ///   - request: makes the request of a page.
    /// - Returns: `absent` where the whole list was read.
    package static func search(
        _ client: StripeClient, metadata name: String, _ value: String, in request: (StripePage) -> StripeRequest
    ) async -> Self {
        var page = StripePage()
        for _ in 0..<pagesMax {
            let list: JSONValue
            do throws(StripeFetchFailure) { list = try await client.fetch(request(page)) } catch {
                return .unknown(reason: "\(error)")
            }
            guard let elements = list["data"]?.array else { return .unknown(reason: "the list cannot be read") }
            if let found = elements.first(where: { $0["metadata"]?[name]?.string == value }) { return .done(found) }
            guard list["has_more"]?.bool == true, let last = elements.last?["id"]?.string else { return .absent }
            page.startingAfter = last
        }
        return .unknown(reason: "the list is too long")
    }

    /// Pages of 100 elements.
    private static let pagesMax = 100
}

extension ProviderCall {
    /// The times at which what the call has made can have been made: from its first attempt, for a day and a bit.
    package var madeWithin: StripeTimeRange {
        let from = (firstSentAt ?? createdAt) - .minutes(10)
        return StripeTimeRange(from: from, before: from + .hours(25))
    }
}
