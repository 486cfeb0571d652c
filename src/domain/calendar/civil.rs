//! The Gregorian calendar as arithmetic on days since 1970-01-01.

/// Milliseconds of a day of 24 hours.
pub const DAY_MS: i64 = 86_400_000;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;
/// Days of the 400 years after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;

/// A date of the Gregorian calendar; `month` and `day` count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    pub year: i64,
    pub month: i64,
    pub day: i64,
}

impl Date {
    /// The date that is `days` after 1970-01-01.
    ///
    /// Years are counted from March, so that the leap day is the last of its year and month
    /// lengths follow one formula.
    pub fn from_days(days: i64) -> Self {
        let shifted = days + EPOCH_DAYS;
        let era = shifted.div_euclid(ERA_DAYS);
        let day_of_era = shifted.rem_euclid(ERA_DAYS);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// Days from 1970-01-01 to this date.
    pub fn to_days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * ERA_DAYS + day_of_era - EPOCH_DAYS
    }

    /// The first day of this date's month.
    pub fn month_start(self) -> Self {
        Self { day: 1, ..self }
    }

    /// The first day of the month after this date's.
    pub fn next_month(self) -> Self {
        let (year, month) = if self.month == 12 { (self.year + 1, 1) } else { (self.year, self.month + 1) };
        Self { year, month, day: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Datelike;

    #[test]
    fn agrees_with_chrono_on_every_day_of_four_centuries() {
        for days in -1_000..150_000_i64 {
            let date = Date::from_days(days);
            let expected = chrono::DateTime::from_timestamp(days * 86_400, 0).unwrap();
            assert_eq!(date.year, i64::from(expected.year()));
            assert_eq!(date.month, i64::from(expected.month()));
            assert_eq!(date.day, i64::from(expected.day()));
            assert_eq!(date.to_days(), days);
        }
    }

    #[test]
    fn a_month_follows_the_month_before_it() {
        let december = Date { year: 2023, month: 12, day: 31 };
        assert_eq!(december.month_start(), Date { year: 2023, month: 12, day: 1 });
        assert_eq!(december.next_month(), Date { year: 2024, month: 1, day: 1 });
        assert_eq!(december.next_month().next_month().next_month().to_days() - december.to_days(), 61);
    }
}
