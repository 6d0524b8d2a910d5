package import Modules

extension RequirementSummary.Kind {
    package static let subscription = Self("subscription")
    package static let feature = Self("feature")
    package static let quota = Self("quota")
    package static let allowance = Self("allowance")
    package static let credits = Self("credits")
    package static let concurrency = Self("concurrency")
}
