// The program writes ../xitongsys/*.parquet and ../parquetgo/*.parquet, files of two Go libraries that people have, and
// beside them xitongsys.json and parquetgo.json, which hold the values that a reader must find in them.
//
//	cd testdata/writers && go run .
//
// It is a module of its own, so that the first of the two libraries is no dependency of the product.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"

	pg "github.com/parquet-go/parquet-go"
	"github.com/xitongsys/parquet-go-source/writerfile"
	xparquet "github.com/xitongsys/parquet-go/parquet"
	xwriter "github.com/xitongsys/parquet-go/writer"
)

const rows = 500

func mixed(i int) int { return i * 2654435761 % 1000003 }

func ptr[T any](v T) *T { return &v }

type xrow struct {
	I32   int32    `parquet:"name=i32, type=INT32"`
	I64   int64    `parquet:"name=i64, type=INT64, encoding=DELTA_BINARY_PACKED"`
	U32   int32    `parquet:"name=u32, type=INT32, convertedtype=UINT_32"`
	F32   float32  `parquet:"name=f32, type=FLOAT"`
	F64   *float64 `parquet:"name=f64, type=DOUBLE"`
	Flag  bool     `parquet:"name=flag, type=BOOLEAN"`
	Maybe *bool    `parquet:"name=maybe, type=BOOLEAN"`
	Text  *string  `parquet:"name=text, type=BYTE_ARRAY, convertedtype=UTF8, encoding=PLAIN_DICTIONARY"`
	Free  string   `parquet:"name=free, type=BYTE_ARRAY, convertedtype=UTF8, encoding=DELTA_LENGTH_BYTE_ARRAY"`
	Delta string   `parquet:"name=delta, type=BYTE_ARRAY, convertedtype=UTF8, encoding=DELTA_BYTE_ARRAY"`
	Day   int32    `parquet:"name=day, type=INT32, convertedtype=DATE"`
	TS    int64    `parquet:"name=ts, type=INT64, convertedtype=TIMESTAMP_MICROS"`
	Dec   int64    `parquet:"name=dec, type=INT64, convertedtype=DECIMAL, scale=2, precision=18"`
	List  []int64  `parquet:"name=list, type=LIST, valuetype=INT64"`
	Old   []int32  `parquet:"name=old, type=INT32, repetitiontype=REPEATED"`
	In    xinner   `parquet:"name=in"`
}

type xinner struct {
	A int64   `parquet:"name=a, type=INT64"`
	B *string `parquet:"name=b, type=BYTE_ARRAY, convertedtype=UTF8"`
}

func xmake(i int) xrow {
	r := xrow{I32: int32(mixed(i) - 500000), I64: int64(mixed(i)) * 1234567, U32: int32(uint32(mixed(i)) * 4001), F32: float32(mixed(i)) / 8, Flag: mixed(i)%3 == 0,
		Free: fmt.Sprintf("row %d", mixed(i)), Delta: fmt.Sprintf("common beginning %06d", i), Day: int32(15000 + i), TS: int64(i) * 1000003, Dec: int64(mixed(i)) * 7,
		List: []int64{}, Old: []int32{}, In: xinner{A: int64(i)}}
	if i%7 != 3 {
		r.F64 = ptr(float64(mixed(i)) / 7)
		r.In.B = ptr(fmt.Sprint("b", i%10))
	}
	if i%5 != 2 {
		r.Maybe = ptr(i%2 == 0)
		r.Text = ptr(fmt.Sprint("t", mixed(i)%30))
	}
	for j := range i % 4 {
		r.List = append(r.List, int64(i*j))
		r.Old = append(r.Old, int32(i+j))
	}
	return r
}

func xcolumns() map[string][]any {
	t := map[string][]any{}
	put := func(name string, v any) {
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer {
			if rv.IsNil() {
				v = nil
			} else {
				v = rv.Elem().Interface()
			}
		}
		if f, ok := v.(float32); ok {
			v = float64(f)
		}
		t[name] = append(t[name], v)
	}
	for i := range rows {
		r := xmake(i)
		put("i32", r.I32)
		put("i64", r.I64)
		put("u32", uint32(r.U32))
		put("f32", r.F32)
		put("f64", r.F64)
		put("flag", r.Flag)
		put("maybe", r.Maybe)
		put("text", r.Text)
		put("free", r.Free)
		put("delta", r.Delta)
		put("day", r.Day)
		put("ts", r.TS)
		put("dec", float64(r.Dec)/100)
		put("list", r.List)
		put("old", r.Old)
		put("in.a", r.In.A)
		put("in.b", r.In.B)
	}
	return t
}

func xwrite(dir, name string, codec xparquet.CompressionCodec, page int64) {
	f, err := os.Create(filepath.Join(dir, name+".parquet"))
	check(err)
	// One goroutine, so that the bytes are the same every time.
	w, err := xwriter.NewParquetWriter(writerfile.NewWriterFile(f), new(xrow), 1)
	check(err)
	w.CompressionType, w.PageSize, w.RowGroupSize = codec, page, 20000
	for i := range rows {
		check(w.Write(xmake(i)))
	}
	check(w.WriteStop())
	check(f.Close())
}

type grow struct {
	I8    int8     `parquet:"i8"`
	I64   int64    `parquet:"i64,delta"`
	U16   uint16   `parquet:"u16"`
	U64   uint64   `parquet:"u64"`
	F32   float32  `parquet:"f32,split"`
	F64   *float64 `parquet:"f64,optional"`
	Flag  bool     `parquet:"flag"`
	Text  *string  `parquet:"text,optional,dict"`
	Free  string   `parquet:"free,delta"`
	ID    [16]byte `parquet:"id,uuid"`
	TS    int64    `parquet:"ts,timestamp(nanosecond)"`
	Dec   int32    `parquet:"dec,decimal(3:9)"`
	List  []string `parquet:"list,list"`
	Old   []int64  `parquet:"old"`
	Inner *ginner  `parquet:"in,optional"`
}

type ginner struct {
	A int64 `parquet:"a"`
}

func gmake(i int) grow {
	r := grow{I8: int8(i), I64: int64(mixed(i)) - 500000, U16: uint16(mixed(i)), U64: uint64(mixed(i)) << 20, F32: float32(mixed(i)) / 8, Flag: mixed(i)%3 == 0,
		Free: fmt.Sprintf("common %06d", mixed(i)), TS: int64(i) * 1e15, Dec: int32(mixed(i) - 500000), List: []string{}, Old: []int64{}}
	for j := range r.ID {
		r.ID[j] = byte(i * (j + 1))
	}
	if i%7 != 3 {
		r.F64 = ptr(float64(mixed(i)) / 7)
		r.Inner = &ginner{int64(i)}
	}
	if i%5 != 2 {
		r.Text = ptr(fmt.Sprint("t", mixed(i)%30))
	}
	for j := range i % 4 {
		r.List = append(r.List, fmt.Sprint("w", (i+j)%20))
		r.Old = append(r.Old, int64(i*j))
	}
	return r
}

func gcolumns() map[string][]any {
	t := map[string][]any{}
	put := func(name string, v any) { t[name] = append(t[name], v) }
	for i := range rows {
		r := gmake(i)
		put("i8", r.I8)
		put("i64", r.I64)
		put("u16", r.U16)
		put("u64", r.U64)
		put("f32", float64(r.F32))
		put("flag", r.Flag)
		put("free", r.Free)
		put("id", fmt.Sprintf("%x-%x-%x-%x-%x", r.ID[:4], r.ID[4:6], r.ID[6:8], r.ID[8:10], r.ID[10:]))
		put("ts", r.TS)
		put("dec", float64(r.Dec)/1000)
		put("list", r.List)
		put("old", r.Old)
		if r.F64 == nil {
			put("f64", nil)
			put("in.a", nil)
		} else {
			put("f64", *r.F64)
			put("in.a", r.Inner.A)
		}
		if r.Text == nil {
			put("text", nil)
		} else {
			put("text", *r.Text)
		}
	}
	return t
}

func gwrite(dir, name string, options ...pg.WriterOption) {
	f, err := os.Create(filepath.Join(dir, name+".parquet"))
	check(err)
	w := pg.NewGenericWriter[grow](f, options...)
	for i := range rows {
		_, err := w.Write([]grow{gmake(i)})
		check(err)
		if i == 200 {
			check(w.Flush())
		}
	}
	check(w.Close())
	check(f.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func version(path string) string {
	info, _ := debug.ReadBuildInfo()
	for _, d := range info.Deps {
		if d.Path == path {
			return d.Version
		}
	}
	return "unknown"
}

func record(name, module string, files map[string]string, columns map[string][]any) {
	b, err := json.Marshal(map[string]any{"versions": map[string]string{module: version(module)}, "files": files, "tables": map[string]any{"t": columns}})
	check(err)
	check(os.WriteFile("../"+name+".json", b, 0o644))
}

func main() {
	check(os.MkdirAll("../xitongsys", 0o755))
	check(os.MkdirAll("../parquetgo", 0o755))
	xfiles := map[string]string{}
	for name, codec := range map[string]xparquet.CompressionCodec{"plain": xparquet.CompressionCodec_UNCOMPRESSED, "snappy": xparquet.CompressionCodec_SNAPPY,
		"gzip": xparquet.CompressionCodec_GZIP, "zstd": xparquet.CompressionCodec_ZSTD} {
		xwrite("../xitongsys", name, codec, 1024)
		xfiles[name] = "t"
	}
	record("xitongsys", "github.com/xitongsys/parquet-go", xfiles, xcolumns())
	gfiles := map[string]string{}
	for name, options := range map[string][]pg.WriterOption{
		"v1_snappy": {pg.DataPageVersion(1), pg.Compression(&pg.Snappy), pg.PageBufferSize(1024)},
		"v2_snappy": {pg.DataPageVersion(2), pg.Compression(&pg.Snappy), pg.PageBufferSize(1024)},
		"v2_zstd":   {pg.DataPageVersion(2), pg.Compression(&pg.Zstd)},
		"v2_lz4":    {pg.DataPageVersion(2), pg.Compression(&pg.Lz4Raw)},
		"v1_brotli": {pg.DataPageVersion(1), pg.Compression(&pg.Brotli)},
		"v2_plain":  {pg.DataPageVersion(2), pg.PageBufferSize(1024)},
	} {
		gwrite("../parquetgo", name, options...)
		gfiles[name] = "t"
	}
	record("parquetgo", "github.com/parquet-go/parquet-go", gfiles, gcolumns())
}
