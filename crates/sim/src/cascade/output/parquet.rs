//! Rows as a Parquet file: the same columns as in CSV, uncompressed, one row group.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::{BadRows, FIRST_COLUMNS, Row, SETTING_PREFIX};
use crate::cascade::row::{COLUMNS, Value};

/// One column of the file with all its values.
enum Cells {
    Text(Vec<ByteArray>),
    Whole(Vec<i64>),
    Maybe(Vec<Option<f64>>),
}

/// Writes rows as a Parquet file. Whole numbers are `INT64`, numbers that may be missing `DOUBLE`.
///
/// # Errors
/// Where it cannot be written.
pub fn write_parquet(
    keys: &[&str],
    rows: &[Row],
    to: impl Write + Send,
) -> std::result::Result<(), BadRows> {
    let columns = columns(keys, rows);
    let fields = columns.iter().map(|(name, cells)| field(name, cells));
    let schema = Type::group_type_builder("row")
        .with_fields(fields.collect::<Result<Vec<TypePtr>>>()?)
        .build()?;
    let properties = WriterProperties::builder().set_created_by("interlock".to_owned()).build();
    let mut file = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for (_, cells) in columns {
        let mut column = group
            .next_column()?
            .ok_or_else(|| ParquetError::General("a column is missing".to_owned()))?;
        match (column.untyped(), cells) {
            (ColumnWriter::ByteArrayColumnWriter(writer), Cells::Text(values)) => {
                writer.write_batch(&values, None, None)?;
            }
            (ColumnWriter::Int64ColumnWriter(writer), Cells::Whole(values)) => {
                writer.write_batch(&values, None, None)?;
            }
            (ColumnWriter::DoubleColumnWriter(writer), Cells::Maybe(values)) => {
                let there: Vec<i16> =
                    values.iter().map(|value| i16::from(value.is_some())).collect();
                let values: Vec<f64> = values.into_iter().flatten().collect();
                writer.write_batch(&values, Some(&there), None)?;
            }
            _ => return Err(ParquetError::General("a column has another type".to_owned()).into()),
        }
        column.close()?;
    }
    group.close()?;
    file.close()?;
    Ok(())
}

fn columns(keys: &[&str], rows: &[Row]) -> Vec<(String, Cells)> {
    let text = |of: &dyn Fn(&Row) -> String| {
        Cells::Text(rows.iter().map(|row| ByteArray::from(of(row).into_bytes())).collect())
    };
    let mut columns = vec![
        (FIRST_COLUMNS[0].to_owned(), text(&|row| row.scenario.clone())),
        (
            FIRST_COLUMNS[1].to_owned(),
            Cells::Whole(rows.iter().map(|row| i64::from(row.run)).collect()),
        ),
        // A seed has 64 bits and no sign: as text it is what was given.
        (FIRST_COLUMNS[2].to_owned(), text(&|row| row.seed.to_string())),
    ];
    for (index, key) in keys.iter().enumerate() {
        let value = |row: &Row| {
            row.settings.get(index).map_or(String::new(), |setting| setting.value.clone())
        };
        columns.push((format!("{SETTING_PREFIX}{key}"), text(&value)));
    }
    for (index, column) in COLUMNS.iter().enumerate() {
        let of = |row: &Row| row.values.get(index).copied().unwrap_or(Value::Missing);
        let whole: Option<Vec<i64>> = rows
            .iter()
            .map(|row| match of(row) {
                Value::Count(count) => i64::try_from(count).ok(),
                Value::Real(_) | Value::Missing => None,
            })
            .collect();
        let cells = match whole {
            Some(whole) => Cells::Whole(whole),
            None => Cells::Maybe(rows.iter().map(|row| of(row).number()).collect()),
        };
        columns.push((column.name.to_owned(), cells));
    }
    columns
}

fn field(name: &str, cells: &Cells) -> Result<TypePtr> {
    let (physical, repetition, logical) = match cells {
        Cells::Text(_) => (Physical::BYTE_ARRAY, Repetition::REQUIRED, Some(LogicalType::String)),
        Cells::Whole(_) => (Physical::INT64, Repetition::REQUIRED, None),
        Cells::Maybe(_) => (Physical::DOUBLE, Repetition::OPTIONAL, None),
    };
    let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    builder.with_logical_type(logical).build().map(Arc::new)
}
