/// The features of the risk model, in the order of its columns.
package enum RiskFeature: String, Sendable, Hashable, CaseIterable {
    /// The price between the lowest (0) and the highest (1) of the last seven days.
    case pricePosition = "price_position"
    /// The relative change over one hour.
    case priceVelocity = "price_velocity_1h"
    /// The standard deviation of six hours, in US dollars.
    case priceVolatility = "price_volatility_6h"
    /// The standard deviation of six hours ÷ their mean.
    case priceVariation = "price_cv_6h"
    /// 1 − price ÷ price on demand, 0 to 1.
    case discountDepth = "discount_depth"
    /// The mean position of larger types of the family in the same zone; 0 without any.
    case familyStressMean = "family_stress_mean"
    /// Their highest position.
    case familyStressMax = "family_stress_max"
    /// The sine of the hour of the day, in UTC.
    case hourSin = "hour_sin"
    case hourCos = "hour_cos"
    /// 1 on Saturday and Sunday, in UTC.
    case isWeekend = "is_weekend"
    /// 1 from 9:00 to before 17:00, in UTC.
    case isBusinessHours = "is_business_hours"
}
